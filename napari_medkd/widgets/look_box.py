"""Where a model is to look for objects by itself, for which kind of image, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_medkd.session.looking import can_look
from napari_medkd.widgets.buttons import KeyButton, PanelButton
from napari_medkd.widgets.inputs import CompactCombo
from napari_medkd.widgets.keys import key_for, tooltip_for
from napari_medkd.widgets.labels import SPACING, Caption, Section, Word
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.looker_chooser import LookerChooser
from napari_medkd.widgets.progress import ProgressBar
from napari_medkd.widgets.suggestion_sentences import found_text, looker_text

if TYPE_CHECKING:
    from napari_medkd.session.session import Session

SLICE, VOLUME, IMAGES = "slice", "volume", "images"
_WORDS = {SLICE: "This slice", VOLUME: "This volume", IMAGES: "All open images"}


class LookBox(Section):
    """Asks a model to look, and says what came of it.

    Parameters
    ----------
    session : Session
        Whose model looks, or another one in its place.
    """

    # slice, volume or images; kind of image, "" for what the model thinks; model, "" for the session's own
    look_requested = Signal(str, str, str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Suggest objects", parent)
        self._session = session
        self._loading = ""
        self.looker = LookerChooser(session)
        self._who, self._found = Caption(), Caption()
        self._where = CompactCombo("Where to look", "Where the model looks for objects.")
        self._kind = CompactCombo(
            "Kind of image", "What the model takes the image for; choose another kind where it is wrong."
        )
        self._kind_row = QWidget()
        self._start = KeyButton("Suggest", key_for("look").label, tooltip_for("look"))
        self._bar = ProgressBar()
        self._stop = PanelButton("Stop", "Look no further; what was found so far stays.")
        self._build()
        self._connect()
        self._on_model()
        self._on_volume()
        self._on_ended()

    def look(self, where: str = "") -> None:
        """Ask for a look where the chooser says, or elsewhere."""
        if self._start.isEnabled():
            kind = self._kind.currentData() or ""
            self.look_requested.emit(where or self._where.currentData(), kind, self.looker.model_id)

    def set_loading(self, sentence: str) -> None:
        """Say that the model that looks is on its way; an empty sentence takes it back."""
        self._loading = sentence
        self._say()

    def _build(self) -> None:
        for where, words in _WORDS.items():
            self._where.addItem(words, where)
        kind = QHBoxLayout(self._kind_row)
        kind.setContentsMargins(0, 0, 0, 0)
        kind.addWidget(Word("Kind of image"))
        kind.addWidget(self._kind, 1)
        who, row, going = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        who.addWidget(Word("Who looks"))
        who.addWidget(self.looker, 1)
        for layout in (who, kind, row, going):
            layout.setSpacing(SPACING)
        row.addWidget(self._where, 1)
        row.addWidget(self._start, 1)
        going.addWidget(self._bar, 1)
        going.addWidget(self._stop)
        self.body.addLayout(who)
        self.body.addWidget(self._who)
        self.body.addWidget(self._kind_row)
        self.body.addLayout(row)
        self.body.addLayout(going)
        self.body.addWidget(self._found)

    def _connect(self) -> None:
        suggestions, links = self._session.suggestions, Links(self)
        self._start.clicked.connect(lambda: self.look())
        self._stop.clicked.connect(suggestions.stop)
        self._kind.activated.connect(lambda: self.look(SLICE))
        self.looker.changed.connect(self._on_model)
        links.connect(self._session.volume_changed, self._on_volume)
        links.connect(self._session.plane_changed, self._say)
        links.connect(suggestions.changed, self._on_changed)
        links.connect(suggestions.progressed, self._on_progress)
        links.connect(suggestions.ended, self._on_ended)

    def _on_model(self, *_: object) -> None:
        card = self.looker.card
        self._who.setText(looker_text(card))
        self._start.setEnabled(card is not None and can_look(card) and self._session.volume is not None)
        self._kind.clear()
        kinds = sorted({one.modality for one in card.targets} - {""}) if card is not None else []
        self._kind.addItem("Automatic" if card is not None and card.architecture.kinds else "Any", "")
        for kind in kinds:
            self._kind.addItem(kind, kind)
        self._kind_row.setVisible(len(kinds) > 1)
        self._on_changed()

    def _on_volume(self, *_: object) -> None:
        volume = self._session.volume
        is_stack = volume is not None and volume.shape[0] > 1
        with signals_blocked(self._where):
            self._where.setItemText(0, "This slice" if is_stack else "This image")
        item = self._where.model().item(1)
        item.setEnabled(is_stack)
        if not is_stack and self._where.currentData() == VOLUME:
            self._where.setCurrentIndex(0)
        self._on_model()

    def _on_changed(self) -> None:
        self._say()
        review = self._session.suggestions.review
        if review is not None and review.kinds:
            kind, share = next(iter(review.kinds.items()))
            if self._kind.findData(kind) >= 0:  # it is not another model's that looked before
                # What matters first: a narrow panel shows only the beginning.
                self._kind.setItemText(0, f"{kind}, {share:.0%} (automatic)")

    def _say(self, *_: object) -> None:
        self._found.setText(self._loading or found_text(self._session))

    def _on_progress(self, share: float) -> None:
        if not self._bar.isVisible():
            self._show_bar(True)
            self._say()
        self._bar.show_share(share, 1)

    def _on_ended(self, *_: object) -> None:
        self._show_bar(self._session.suggestions.is_looking)

    def _show_bar(self, shown: bool) -> None:
        self._bar.setVisible(shown)
        self._stop.setVisible(shown)
