"""The Auto tab: a model suggests objects, the user decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medkd.errors import MedkdError
from napari_medkd.session.state import OverlapConflict, Pending, PendingProposal
from napari_medkd.session.suggestion import Status
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.key_events import action_of, is_typing
from napari_medkd.widgets.labels import MARGIN, SPACING
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.look_box import SLICE, LookBox
from napari_medkd.widgets.review_box import ReviewBox
from napari_medkd.widgets.scroll import column, scrolled
from napari_medkd.widgets.state_line import StateLine
from napari_medkd.widgets.suggestion_sentences import reaches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtGui import QKeyEvent

    from napari_medkd.models.card import ModelCard
    from napari_medkd.session.session import Session
    from napari_medkd.session.suggestion import Key
    from napari_medkd.widgets.dialogs import Asker


class AutoPanel(QWidget):
    """Shows a session's suggestions and decides about them; the viewer says where to look and flies there.

    Parameters
    ----------
    session : Session
        What is shown; the panel keeps no copy of its state.
    asker : Asker
        Who answers questions.
    """

    look_requested = Signal(str, str, str)  # where (`look_box`), kind of image, model
    fly_requested = Signal(object)  # Suggestion to be shown
    chosen = Signal()  # another suggestion is chosen, or none
    next_image_requested = Signal()
    action_requested = Signal(str)  # a key of another panel's pressed in this one

    def __init__(self, session: Session, asker: Asker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._asker = session, asker
        self._state = StateLine(session)
        self._look, self.review = LookBox(session), ReviewBox(session)
        self._others = PanelButton("Next image", "Open the next image that has suggestions to decide about.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, MARGIN, 0, 0)
        layout.setSpacing(SPACING)
        head = QVBoxLayout()
        head.setContentsMargins(MARGIN, 0, MARGIN, 0)
        head.addWidget(self._state)
        layout.addLayout(head)
        layout.addWidget(scrolled(column(self._look, self.review, self._others)), 1)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._actions: dict[str, Callable[[], object]] = {
            "look": lambda: self._look.look(SLICE),
            "correct_suggestion": self._correct,
            "reject_suggestion": self._reject,
            "commit": self._accept,
            "previous_candidate": lambda: self.review.table.step(-1),
            "next_candidate": lambda: self.review.table.step(1),
        }
        self._connect()
        self._on_changed()

    # --- what the viewer fills in -------------------------------------------------------------------------
    def set_models(self, cards: Sequence[ModelCard], preferred: str) -> None:
        """Offer the installed models: those that work by themselves can look, `preferred` before others."""
        self._look.looker.set_models(cards, preferred)

    @property
    def looker(self) -> str:
        """Id of the model that looks; empty for the session's own."""
        return self._look.looker.model_id

    def set_loading(self, sentence: str) -> None:
        """Say that a model is on its way; an empty sentence takes it back."""
        self._look.set_loading(sentence)

    def show_others(self, images: int, suggestions: int) -> None:
        """Say how much is left to decide in other images."""
        self._others.setVisible(images > 0)
        self._others.setText(f"Next image: {suggestions} left in {images} other{'' if images == 1 else 's'}")

    def show_error(self, error: MedkdError) -> None:
        """Show what went wrong at the top."""
        self._state.show_error(error)

    # --- what keys and buttons do alike -------------------------------------------------------------------
    def perform(self, action: str) -> bool:
        """Do an action of `keys.KEYS` about suggestions; False where it is somebody else's now.

        While a proposal is in hand, Enter and the brackets are about that one.
        """
        is_shared = action in ("commit", "previous_candidate", "next_candidate")
        if action not in self._actions or (is_shared and self._session.prompt is not None):
            return False
        self._actions[action]()
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let the keys of `keys.KEYS` work while the panel has the keyboard; fields keep theirs."""
        action = None if is_typing(self) else action_of(event)
        if action is None:
            super().keyPressEvent(event)
        elif not self.perform(action):
            self.action_requested.emit(action)

    # --- inside -------------------------------------------------------------------------------------------
    def _connect(self) -> None:
        suggestions, links = self._session.suggestions, Links(self)
        self._look.look_requested.connect(self.look_requested)
        self.review.table.chosen.connect(self._on_chosen)
        self.review.action_requested.connect(self.perform)
        self.review.accept_all_requested.connect(self._accept_from)
        self.review.reject_all_requested.connect(self._reject_all)
        self._others.clicked.connect(self.next_image_requested)
        links.connect(suggestions.changed, self._on_changed)
        links.connect(suggestions.ended, self._on_ended)
        links.connect(self._session.volume_changed, self._on_changed)

    def _accept(self) -> None:
        one = self._chosen()
        if one is not None:
            self._commit([one])

    def _accept_from(self, lowest: float) -> None:
        self._commit([one.key for one in self._session.suggestions.new if reaches(one, lowest)])

    def _commit(self, keys: Sequence[Key]) -> None:
        def run() -> None:
            try:
                self._session.accept(keys)
            except OverlapConflict as conflict:
                rule = self._asker.ask_overlap(conflict)
                if rule is not None:
                    self._session.accept(keys, rule)

        self._attempt(run)

    def _reject(self) -> None:
        one = self._chosen()
        if one is not None:
            self._attempt(lambda: self._session.reject([one]))

    def _reject_all(self) -> None:
        self._attempt(lambda: self._session.reject([one.key for one in self._session.suggestions.new]))

    def _correct(self) -> None:
        key = self._chosen()
        if key is None:
            return

        def run() -> None:
            try:
                self._session.take_up(key)
            except PendingProposal as question:
                choice = self._asker.ask_pending(question.message)
                if choice is not Pending.KEEP:
                    self._session.take_up(key, choice)

        self._attempt(run)

    def _chosen(self) -> Key | None:
        """Return the chosen suggestion where it is to be decided; where none is chosen, show the first."""
        one = self.review.table.current
        if one is None:
            self.review.table.step(1)
            return None
        return one.key if self._session.suggestions.status(one.key) is Status.NEW else None

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except MedkdError as error:
            self._state.show_error(error)
        else:
            self._state.clear_error()

    def _on_chosen(self) -> None:
        self.chosen.emit()
        self.fly_requested.emit(self.review.table.current)

    def _on_changed(self, *_: object) -> None:
        if self.review.table.refresh():
            self.fly_requested.emit(self.review.table.current)

    def _on_ended(self, error: MedkdError | None) -> None:
        if error is not None:
            self._state.show_error(error)
