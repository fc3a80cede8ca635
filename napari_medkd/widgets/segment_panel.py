"""The Segment tab: from an image to a saved mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medkd.errors import MedkdError
from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending, PendingProposal
from napari_medkd.widgets.class_box import ClassBox
from napari_medkd.widgets.dialogs import Asker, Dialogs
from napari_medkd.widgets.image_box import ImageBox
from napari_medkd.widgets.key_events import action_of, is_typing
from napari_medkd.widgets.labels import MARGIN, SPACING
from napari_medkd.widgets.measure_box import MeasureBox
from napari_medkd.widgets.model_box import ModelBox
from napari_medkd.widgets.proposal_box import ProposalBox
from napari_medkd.widgets.result_box import ResultBox
from napari_medkd.widgets.scroll import column, scrolled
from napari_medkd.widgets.sentences import is_automatic
from napari_medkd.widgets.state_line import StateLine
from napari_medkd.widgets.toolbox import TOOLS, Toolbox
from napari_medkd.widgets.volume_box import VolumeBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtGui import QKeyEvent

    from napari_medkd.models.card import ModelCard
    from napari_medkd.session.journal import Recovery
    from napari_medkd.session.session import Session
    from napari_medkd.widgets.leading_chooser import LeadingAxis

__all__ = ["TOOLS", "SegmentPanel"]


class SegmentPanel(QWidget):
    """Shows one session and asks what to do in it; the viewer owns layers, files and models.

    Parameters
    ----------
    session : Session
        What is shown; the panel keeps no copy of its state.
    asker : Asker or None
        Who answers questions; dialogs where None.
    parent : QWidget or None
        Qt parent.
    """

    image_chosen = Signal(str)  # a name given by set_images
    leading_chosen = Signal(object)  # tuple of int: another time point or channel of the image
    model_chosen = Signal(str)  # id of a card given by set_models
    models_requested = Signal()  # the user wants the Models tab
    tool_chosen = Signal(str)  # one of TOOLS; only after a choice, not after set_tool
    brush_size_changed = Signal(int)  # pixels; only after a choice, not after set_brush_size
    window_dragged = Signal(float, float)  # low, high while the slider moves; session.set_window follows
    save_requested = Signal()  # ask for a path, then session.save(path)
    files_requested = Signal()  # "Where are my files?"
    plane_requested = Signal(object)  # Plane: the user wants to see this slice
    action_requested = Signal(str)  # a key of the viewer's (hover, delete_object, help) pressed in the panel
    error_raised = Signal(object)  # MedkdError of an action; it is shown here already

    def __init__(
        self, session: Session, *, asker: Asker | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._asker: Asker = asker or Dialogs(self)
        self._state = StateLine(session)
        self._image, self._model, self._tools = ImageBox(session), ModelBox(session), Toolbox(session)
        self._proposal, self._result = ProposalBox(session), ResultBox(session)
        self._volume, self._measures = VolumeBox(session), MeasureBox(session)
        self._classes = ClassBox(session, self._attempt, self.set_active)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, MARGIN, 0, 0)
        layout.setSpacing(SPACING)
        head = QVBoxLayout()
        head.setContentsMargins(MARGIN, 0, MARGIN, 0)
        head.addWidget(self._state)
        layout.addLayout(head)
        inputs = (self._image, self._model, self._tools)
        outputs = (self._proposal, self._volume, self._classes, self._measures, self._result)
        layout.addWidget(scrolled(column(*inputs, *outputs)), 1)
        self._actions = self._build_actions()
        self._connect()

    # --- what the viewer fills in -------------------------------------------------------------------------
    def set_images(self, names: Sequence[str], current: str | None = None) -> None:
        """Offer images to choose from; `current` is shown as chosen. Emits nothing."""
        self._image.set_images(names, current)

    def set_leading(self, axes: Sequence[LeadingAxis]) -> None:
        """Show which time point and channel of the image is worked on. Emits nothing."""
        self._image.leading.show_axes(axes)

    def set_models(self, cards: Sequence[ModelCard]) -> None:
        """Offer installed models; the session's own is shown as chosen. Emits nothing."""
        self._model.set_models(cards)

    def expect_model(self, model_id: str) -> None:
        """Say which model of `set_models` is on its way.

        Until it is there its tools are offered, so that a prompt given meanwhile waits for it.
        """
        self._tools.expect(self._model.capabilities_of(model_id))

    @property
    def tool(self) -> str:
        """The tool that is chosen, one of `TOOLS`."""
        return self._tools.tool

    def set_tool(self, tool: str) -> None:
        """Show another tool as chosen, without a signal; one that the model does not offer is ignored."""
        self._tools.set_tool(tool)

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that are offered with the loaded model."""
        return self._tools.offered

    @property
    def brush_size(self) -> int:
        """Diameter of the brush, in pixels of the image."""
        return self._tools.brush_size

    def set_brush_size(self, pixels: int) -> None:
        """Show another brush size, without a signal."""
        self._tools.set_brush_size(pixels)

    def set_badge(self, text: str, tooltip: str = "", kind: str = "model") -> None:
        """Show a word beside the state, such as "CPU fallback"; an empty one takes that of its kind away."""
        self._state.set_badge(text, tooltip, kind)

    def show_error(self, error: MedkdError) -> None:
        """Show what went wrong at the top, until dismissed or something else succeeds."""
        self._state.show_error(error)

    def show_notice(self, sentence: str) -> None:
        """Show a sentence at the top for some seconds."""
        self._state.show_notice(sentence)

    # --- what keys and buttons do alike -------------------------------------------------------------------
    def perform(self, action: str) -> bool:
        """Do an action of `keys.KEYS`; False where it is the viewer's (hover, delete_object, help).

        Asks and shows errors as the buttons do, so keys are bound to this. An action that makes no sense now
        (commit without a proposal, a tool that is not offered) does nothing.
        """
        if action not in self._actions:
            return False
        self._actions[action]()
        return True

    def set_active(self, value: int) -> None:
        """Make a class active, after asking what becomes of an object that is open for correction."""

        def run() -> None:
            try:
                self._session.set_active(value)
            except PendingProposal as question:
                self._settle(self.ask_pending(question.message))
                self._session.set_active(value, Pending.KEEP)

        self._attempt(run)

    # --- questions ----------------------------------------------------------------------------------------
    def ask_pending(self, sentence: str, *, can_join: bool = False) -> Pending:
        """Ask what becomes of the uncommitted proposal; `can_join`: it may go on on another slice."""
        return self._asker.ask_pending(sentence, can_join=can_join)

    def ask_overlap(self, conflict: OverlapConflict) -> OverlapRule | None:
        """Ask whether to overwrite other classes; None takes the commit back."""
        return self._asker.ask_overlap(conflict)

    def ask_resume(self, recovery: Recovery) -> bool:
        """Ask whether to go on from the journal of an earlier session."""
        return self._asker.ask_resume(recovery)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let the keys of `keys.KEYS` work while the panel has the keyboard; text fields keep theirs."""
        action = None if is_typing(self) else action_of(event)
        if action is None:
            super().keyPressEvent(event)
        elif not self.perform(action):
            self.action_requested.emit(action)

    # --- inside -------------------------------------------------------------------------------------------
    def _build_actions(self) -> dict[str, Callable[[], object]]:
        session = self._session
        actions: dict[str, Callable[[], object]] = {
            "commit": lambda: self._commit(and_next=False),
            "commit_next": lambda: self._commit(and_next=True),
            "suggest": self._suggest,
            "discard": lambda: self._attempt(session.discard),
            "propagate": self._propagate,
            "accept_slice": self._accept_slice,
            "end_here": self._end_here,
            "interpolate": lambda: self._attempt(session.interpolate),
            "undo": lambda: self._step(session.undo, "Undone"),
            "redo": lambda: self._step(session.redo, "Done again"),
            "previous_candidate": lambda: self._cycle(-1),
            "next_candidate": lambda: self._cycle(1),
            "brush_smaller": lambda: self._tools.step_brush(-1),
            "brush_larger": lambda: self._tools.step_brush(1),
        }
        for tool in TOOLS:
            actions[f"tool_{tool}"] = lambda tool=tool: self._tools.choose(tool)  # type: ignore[misc]
        return actions

    def _connect(self) -> None:
        self._state.models_requested.connect(self.models_requested)
        self._image.image_chosen.connect(self.image_chosen)
        self._image.leading_chosen.connect(self.leading_chosen)
        self._image.window_control.dragged.connect(self.window_dragged)
        self._model.model_chosen.connect(self.model_chosen)
        self._tools.tool_chosen.connect(self.tool_chosen)
        self._tools.brush_size_changed.connect(self.brush_size_changed)
        self._proposal.action_requested.connect(self.perform)
        self._volume.action_requested.connect(self.perform)
        self._volume.plane_requested.connect(self.plane_requested)
        self._classes.table.classes.failed.connect(self._on_error)
        self._result.save_requested.connect(self.save_requested)
        self._result.files_requested.connect(self.files_requested)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _commit(self, *, and_next: bool) -> None:
        if self._session.proposal is None:
            return
        commit = self._session.commit_and_next if and_next else self._session.commit

        def run() -> None:
            try:
                result = commit()
            except OverlapConflict as conflict:
                rule = self.ask_overlap(conflict)
                if rule is None:
                    return
                result = commit(rule)
            self._result.show_commit(result)

        self._attempt(run)

    def _suggest(self) -> None:
        """Let the model suggest, after asking what becomes of an object that would be lost by it."""
        if not is_automatic(self._session) or self._session.volume is None:
            return

        def run() -> None:
            try:
                self._session.suggest()
            except PendingProposal as question:
                choice = self.ask_pending(question.message)
                self._settle(choice)
                if choice is not Pending.KEEP:
                    self._session.suggest()

        self._attempt(run)

    def _propagate(self) -> None:
        """Follow the object through the volume, or stop doing so."""
        session = self._session
        if session.is_propagating:
            session.stop_propagation()
        elif session.volume is not None:
            self._attempt(lambda: session.propagate(self._volume.rules, self._volume.reach))

    def _accept_slice(self) -> None:
        plane = self._session.plane
        if plane is not None:
            self._attempt(lambda: self._session.accept_slice(plane))

    def _end_here(self) -> None:
        plane = self._session.plane
        if plane is not None:
            self._attempt(lambda: self._volume.limit(plane.index, self._session.end_at(plane)))

    def _settle(self, choice: Pending) -> None:
        if choice is Pending.COMMIT:
            self._commit(and_next=False)
        elif choice is Pending.DISCARD:
            self._session.discard()

    def _step(self, step: Callable[[], str], word: str) -> None:
        def run() -> None:
            what = step()
            if what:
                self.show_notice(f"{word}: {what}.")

        self._attempt(run)

    def _cycle(self, step: int) -> None:
        if self._session.proposal is not None and self._session.proposal.candidates > 1:
            self._attempt(lambda: self._session.cycle(step))

    def _attempt(self, action: Callable[[], object]) -> bool:
        """Run an action; show the error that it raises on purpose."""
        try:
            action()
        except MedkdError as error:
            self._on_error(error)
            return False
        self._state.clear_error()
        return True

    def _on_error(self, error: MedkdError) -> None:
        self._state.show_error(error)
        self.error_raised.emit(error)
