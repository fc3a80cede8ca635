"""What the model in the making answers on a few cases: the first picture and the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medkd.widgets.labels import Caption
from napari_medkd.widgets.pictures import Picture

if TYPE_CHECKING:
    from pathlib import Path


class Previews(QWidget):
    """The first picture of a run and, below it, the newest; hidden while there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: list[int] = []  # steps
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self.hide()

    def clear(self) -> None:
        """Show nothing."""
        self._keep(0)
        self.hide()

    def add(self, path: Path, step: int) -> None:
        """Show the picture drawn after a step, in the place of those since the first."""
        if step in self.shown:
            return
        self._keep(1)
        when = f"After {step:,} steps" if step else "Before the first step"
        self._layout.addWidget(Caption(when))
        self._layout.addWidget(Picture(path, f"What the model answers: {when.lower()}"))
        self.shown.append(step)
        self.show()

    def _keep(self, count: int) -> None:
        del self.shown[count:]
        while self._layout.count() > 2 * count:
            item = self._layout.takeAt(2 * count)
            if item is not None and (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
