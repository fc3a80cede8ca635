"""Which image is worked on, what it is, and its intensity window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from superqt.utils import signals_blocked

from napari_medkd.widgets.inputs import CompactCombo
from napari_medkd.widgets.labels import Caption, Section
from napari_medkd.widgets.leading_chooser import LeadingChooser
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.sentences import image_facts
from napari_medkd.widgets.window_control import WindowControl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_medkd.core.volume import Volume
    from napari_medkd.session.session import Session


class ImageBox(Section):
    """The image chooser, its time point and channel, the facts of the image and its window.

    Parameters
    ----------
    session : Session
        Whose image is shown.
    """

    image_chosen = Signal(str)
    leading_chosen = Signal(object)  # tuple of int: a time point, a channel

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Image", parent)
        self._chooser = CompactCombo("Image", "The image that prompts are given on.")
        self.leading = LeadingChooser()
        self._facts, self._notes = Caption(), Caption()
        self.window_control = WindowControl(session)
        for widget in (self._chooser, self.leading, self._facts, self._notes, self.window_control):
            self.body.addWidget(widget)
        self._chooser.textActivated.connect(self.image_chosen)
        self.leading.chosen.connect(self.leading_chosen)
        self.set_images((), None)
        Links(self).connect(session.volume_changed, self._on_volume_changed)
        self._on_volume_changed(session.volume)

    def set_images(self, names: Sequence[str], current: str | None) -> None:
        """Offer images; `current` is selected without a signal."""
        with signals_blocked(self._chooser):
            self._chooser.clear()
            self._chooser.addItems(list(names))
            self._chooser.setCurrentIndex(self._chooser.findText(current) if current else -1)
            self._chooser.setPlaceholderText("Choose an image" if names else "No image is open")
            self._chooser.setEnabled(bool(names))
        self._chooser.setToolTip(current or "The image that prompts are given on.")

    def _on_volume_changed(self, volume: Volume | None) -> None:
        self._facts.setText(image_facts(volume) if volume is not None else "")
        self._facts.setVisible(volume is not None)
        notes = "\n".join(volume.notes) if volume is not None else ""
        self._notes.setText(notes)
        self._notes.setVisible(bool(notes))
