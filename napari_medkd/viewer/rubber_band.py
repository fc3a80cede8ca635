"""What is being dragged, drawn over the canvas by Qt: a layer would be built anew at each move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent

_HALO, _LINE = QColor(0, 0, 0, 140), 2.0


class Band(Protocol):
    """Shows a line while the mouse draws it."""

    def draw(self, path: NDArray[Any], colour: str, closed: bool) -> None:
        """Show (n, 2) canvas positions (x, y) as a line."""
        ...

    def clear(self) -> None:
        """Show nothing."""
        ...


class NoBand:
    """For a viewer without a window."""

    def draw(self, path: NDArray[Any], colour: str, closed: bool) -> None:
        """Nothing can be shown."""

    def clear(self) -> None:
        """Nothing is shown."""


class RubberBand(QWidget):
    """A see-through sheet over the canvas, which lets the mouse through.

    Parameters
    ----------
    canvas : QWidget
        The native canvas; goes with it.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._line = QPolygonF()
        self._colour = QColor("white")
        self.hide()

    def draw(self, path: NDArray[Any], colour: str, closed: bool) -> None:
        """Show (n, 2) canvas positions (x, y) as a line."""
        points = [QPointF(float(x), float(y)) for x, y in path]
        self._line = QPolygonF([*points, points[0]] if closed else points)
        self._colour = QColor(colour)
        self.setGeometry(self.parentWidget().rect())
        self.raise_()
        self.show()
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line on a dark one, to be seen on white and on black."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((_HALO, _LINE + 2), (self._colour, _LINE)):
            painter.setPen(QPen(colour, width))
            painter.drawPolyline(self._line)
        painter.end()
