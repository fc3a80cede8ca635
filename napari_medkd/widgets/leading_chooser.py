"""Which time point, and which channel, of an image of more than three axes is worked on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QSpinBox, QWidget
from superqt.utils import signals_blocked

from napari_medkd.widgets.labels import SPACING, Word

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class LeadingAxis:
    """An axis of an image before those of the volume.

    Parameters
    ----------
    name : str
        What the user knows it by: time, channel.
    count : int
        Its length.
    at : int
        The index that is worked on.
    """

    name: str
    count: int
    at: int


class LeadingChooser(QWidget):
    """A number for each axis before the volume's; hidden where there are none."""

    chosen = Signal(object)  # tuple of int: an index for each axis

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._axes: tuple[tuple[str, int], ...] = ()
        self._boxes: list[QSpinBox] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(SPACING)
        self.hide()

    def show_axes(self, axes: Sequence[LeadingAxis]) -> None:
        """Show where an image is worked on. Emits nothing."""
        shown = tuple((axis.name, axis.count) for axis in axes)
        if shown != self._axes:  # else a box that is being turned would be taken away under the hand
            self._axes = shown
            self._build()
        for box, axis in zip(self._boxes, axes, strict=True):
            with signals_blocked(box):
                box.setValue(axis.at)
        self.setVisible(bool(axes))

    def _build(self) -> None:
        while (item := self._row.takeAt(0)) is not None:
            item.widget().deleteLater()
        self._boxes = []
        for name, count in self._axes:
            box = QSpinBox()
            box.setRange(0, count - 1)
            box.setKeyboardTracking(False)
            box.setAccessibleName(name)
            box.setToolTip(f"{name} that is worked on, 0 to {count - 1}; each has labels of its own.")
            box.valueChanged.connect(self._on_changed)
            self._boxes.append(box)
            self._row.addWidget(Word(name))
            self._row.addWidget(box, 1)

    def _on_changed(self, value: int) -> None:
        self.chosen.emit(tuple(box.value() for box in self._boxes))
