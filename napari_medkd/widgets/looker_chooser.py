"""Which model looks for objects: one that works by itself, or the one that answers clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from superqt.utils import signals_blocked

from napari_medkd.settings import LOOKER
from napari_medkd.widgets.inputs import CompactCombo
from napari_medkd.widgets.links import Links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_medkd.models.card import ModelCard
    from napari_medkd.session.session import Session

_EVERYTHING = ""  # in the place of an id: the session's own model


class LookerChooser(CompactCombo):
    """Offers the installed models that work by themselves, and the session's own, asked at many points.

    Until somebody chooses, it is the session's own where that works by itself, else the one of the settings.

    Parameters
    ----------
    session : Session
        Whose model answers clicks.
    """

    changed = Signal()  # another model looks from now on

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(
            "Who looks",
            "The model that looks for objects. Clicks that correct one are answered by the model of the tab "
            "Segment.",
            parent,
        )
        self._session = session
        self._installed: tuple[ModelCard, ...] = ()
        self._offered: dict[str, ModelCard] = {}
        self._chosen: str | None = None
        self._preferred = LOOKER
        self.activated.connect(self._on_activated)
        Links(self).connect(session.segmenter_changed, self._list)
        self._list()

    @property
    def card(self) -> ModelCard | None:
        """What the model that looks is and can do; None where none is there."""
        return self._offered.get(self.currentData(), self._own)

    @property
    def model_id(self) -> str:
        """The model that looks; empty for the session's own."""
        return self.currentData() or _EVERYTHING

    def set_models(self, cards: Sequence[ModelCard], preferred: str = LOOKER) -> None:
        """Offer those of the installed models that work by themselves; `preferred` is that of the settings.

        Where another one is preferred than before, it looks from now on, whatever was chosen.
        """
        if preferred != self._preferred:
            self._preferred, self._chosen = preferred, None
        self._installed = tuple(card for card in cards if "auto" in card.capabilities)
        self._list()

    @property
    def _own(self) -> ModelCard | None:
        return self._session.segmenter.card if self._session.segmenter is not None else None

    def _list(self, *_: object) -> None:
        own = self._own
        is_automatic = own is not None and "auto" in own.capabilities
        cards = sorted(self._installed, key=lambda card: card.id != self._preferred)
        self._offered = {card.id: card for card in cards}
        if own is not None and is_automatic:
            self._offered[own.id] = own
        with signals_blocked(self):
            self.clear()
            for card in self._offered.values():
                self.addItem(card.title, card.id)
            if not is_automatic:
                asked = f", with {own.title}" if own is not None else ""
                self.addItem(f"Everything{asked}", _EVERYTHING)
            self.setCurrentIndex(self._index(own))
        self.changed.emit()

    def _index(self, own: ModelCard | None) -> int:
        """Return the place of what was chosen, or of the first that is there of what comes next to it."""
        wanted = (self._chosen, own.id if own is not None else None, self._preferred, LOOKER, _EVERYTHING)
        places = (self.findData(one) for one in wanted if one is not None)
        return next((place for place in places if place >= 0), 0)

    def _on_activated(self) -> None:
        self._chosen = self.currentData()
        self.changed.emit()
