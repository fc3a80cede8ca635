"""Which model answers, and what runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy
from superqt.utils import signals_blocked

from napari_medkd.inference import kinds
from napari_medkd.session.state import State
from napari_medkd.widgets.buttons import LinkButton
from napari_medkd.widgets.inputs import CompactCombo
from napari_medkd.widgets.labels import OneLine, Section
from napari_medkd.widgets.links import Links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_medkd.models.card import ModelCard
    from napari_medkd.session.session import Session

_CAPABILITIES = Qt.ItemDataRole.UserRole + 1


class ModelBox(Section):
    """The model chooser and a line on device and runtime.

    Parameters
    ----------
    session : Session
        Whose model is shown.
    """

    model_chosen = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Model", parent)
        self._session = session
        self._chooser = CompactCombo("Model", "The model that answers your prompts.")
        self._runtime = OneLine()
        self._cards: tuple[ModelCard, ...] = ()
        self._better: ModelCard | None = None
        self._advice = LinkButton("Use another model", "One that learnt from such images.")
        self._advice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # titles may be long
        for widget in (self._chooser, self._runtime, self._advice):
            self.body.addWidget(widget)
        self._chooser.activated.connect(self._on_activated)
        self._advice.clicked.connect(self._on_advice)
        links = Links(self)
        links.connect(session.segmenter_changed, self._on_segmenter_changed)
        links.connect(session.state_changed, self._on_state_changed)
        links.connect(session.volume_changed, self._show_advice)
        self.set_models(())

    def set_models(self, cards: Sequence[ModelCard]) -> None:
        """Offer the installed models; the session's own is selected without a signal."""
        self._cards = tuple(cards)
        with signals_blocked(self._chooser):
            self._chooser.clear()
            for card in cards:
                self._chooser.addItem(card.title, card.id)
                self._chooser.setItemData(self._chooser.count() - 1, card.capabilities, _CAPABILITIES)
            self._chooser.setEnabled(bool(cards))
        self._on_segmenter_changed()

    def capabilities_of(self, model_id: str) -> frozenset[str]:
        """Return what a model on offer understands; nothing where it is not on offer."""
        found = self._chooser.itemData(self._chooser.findData(model_id), _CAPABILITIES)
        return frozenset(found or ())

    def _on_segmenter_changed(self, *_: object) -> None:
        segmenter = self._session.segmenter
        with signals_blocked(self._chooser):
            if segmenter is None:
                self._chooser.setCurrentIndex(-1)
            else:
                if self._chooser.findData(segmenter.card.id) < 0:
                    self._chooser.addItem(segmenter.card.title, segmenter.card.id)
                self._chooser.setCurrentIndex(self._chooser.findData(segmenter.card.id))
        self._show_runtime()
        self._show_advice()

    def _on_state_changed(self, *_: object) -> None:
        self._show_runtime()

    def _show_runtime(self) -> None:
        segmenter, state = self._session.segmenter, self._session.state
        text = segmenter.runtime_name if segmenter is not None else ""
        if not text:
            text = "It takes a moment." if state is State.LOADING else "No model is loaded."
        nothing = "Choose a model" if self._chooser.count() else "No model is installed"
        self._chooser.setPlaceholderText("Loading…" if state is State.LOADING else nothing)
        self._runtime.setText(text)
        advice = "Device and runtime are chosen in the Models tab."
        self._runtime.setToolTip(f"Runs on {text}. {advice}" if segmenter is not None else text)

    def _show_advice(self, *_: object) -> None:
        """Name a model that knows such images, where the one that is chosen never saw any."""
        volume, segmenter = self._session.volume, self._session.segmenter
        found = None
        if volume is not None and segmenter is not None:
            found = kinds.better(volume, segmenter.card, self._cards)
            if found is not None:
                self._advice.setText(f"{found.title} knows {volume.modality}: use it")
                self._advice.setAccessibleName(self._advice.text())
                why = f"{segmenter.card.title} learnt from no {volume.modality}, {found.title} did."
                self._advice.setToolTip(why)
        self._better = found
        self._advice.setVisible(found is not None)

    def _on_advice(self) -> None:
        if self._better is not None:
            self.model_chosen.emit(self._better.id)

    def _on_activated(self, index: int) -> None:
        chosen = self._chooser.itemData(index)
        current = self._session.segmenter.card.id if self._session.segmenter is not None else None
        self._on_segmenter_changed()  # shows the session's own until the session really has another
        if chosen != current:
            self.model_chosen.emit(chosen)
