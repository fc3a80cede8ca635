"""Small pictures from files, in rows that fit the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_medkd.widgets.drawing import text_colour

if TYPE_CHECKING:
    from pathlib import Path


class Picture(QWidget):
    """A picture as wide as there is room for, in its own proportions; a missing file leaves an empty frame.

    Parameters
    ----------
    path : Path
        A PNG file.
    name : str
        What it shows, for its tooltip and for those who do not see it.
    """

    def __init__(self, path: Path, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap(str(path))
        self.setToolTip(name)
        self.setAccessibleName(name)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def is_there(self) -> bool:
        """Whether the file could be read."""
        return not self._pixmap.isNull()

    def hasHeightForWidth(self) -> bool:
        """Keep the proportions."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return how high it is where it is so wide."""
        if not self.is_there:
            return 48
        height: int = round(width * self._pixmap.height() / self._pixmap.width())
        return height

    def sizeHint(self) -> QSize:
        """Be as wide as the panel."""
        return QSize(280, self.heightForWidth(280))

    def minimumSizeHint(self) -> QSize:
        """Shrink as far as the panel does."""
        return QSize(60, self.heightForWidth(60))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture, or say that it is not there."""
        painter = QPainter(self)
        if self.is_there:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = self._pixmap.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            painter.drawPixmap(0, 0, size.width(), size.height(), self._pixmap)
        else:
            painter.setPen(text_colour(self, faint=True))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no picture")
        painter.end()
