"""Curves that grow while a run goes on: the loss, and the overlap on cases that it does not learn from.

Painted here: of what napari brings, only vispy draws charts, on an OpenGL canvas of its own. Qt draws a few
hundred points of some lines in a millisecond, in the host's colours, and no library has to be kept for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_medkd.widgets.drawing import AMBER, BLUE, GREEN, GREY, text_colour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtCore import QEvent

_COLOURS = (BLUE, GREEN, AMBER, GREY)
_MOST = 2000  # points of a line; beyond, every other one goes
_LEFT, _TOP, _RIGHT, _BOTTOM = 38, 20, 6, 16  # around the area that is drawn in
_HEIGHT = 104


@dataclass(slots=True)
class Line:
    """One figure over the steps of a run."""

    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: float, value: float) -> None:
        """Add a point; what was measured after that step before, ahead of a resume, is forgotten."""
        while self.steps and self.steps[-1] >= step:
            self.steps.pop()
            self.values.pop()
        self.steps.append(step)
        self.values.append(value)
        if len(self.steps) > _MOST:
            del self.steps[1:-1:2], self.values[1:-1:2]


class Chart(QWidget):
    """Lines over the steps of a run; the pointer reads them.

    Parameters
    ----------
    title : str
        What the figures are.
    unit : tuple of float or None
        (low, high) that the height always shows; None follows the figures.
    """

    def __init__(
        self, title: str, unit: tuple[float, float] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title, self._unit = title, unit
        self._pointer: float | None = None
        self.lines: dict[str, Line] = {}
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        self.setToolTip(f"{title} over the steps of the run. Point at it to read it.")

    def add(self, step: float, values: Mapping[str, float]) -> None:
        """Add the figures measured after a step; what is no number is left out."""
        for name, value in values.items():
            if math.isfinite(value):
                self.lines.setdefault(name, Line()).add(step, value)
        self.update()

    def clear(self) -> None:
        """Begin again."""
        self.lines = {}
        self.update()

    def sizeHint(self) -> QSize:
        """Be low and as wide as the panel."""
        return QSize(200, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Be as high as `sizeHint`."""
        return QSize(120, _HEIGHT)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the curves under the pointer."""
        self._pointer = event.position().x()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Show the newest figures again."""
        self._pointer = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw axes, lines and what they say."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _shrink(painter)
        area = QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)
        if any(line.steps for line in self.lines.values()):
            view = _View(self.lines, self._unit, area)
            step = None if self._pointer is None else view.step_at(self._pointer)
            self._axes(painter, area, view)
            for (_, line), colour in zip(self.lines.items(), _COLOURS, strict=False):
                self._line(painter, line, colour, view, step)
            self._words(painter, view, step)
        else:
            painter.setPen(text_colour(self, faint=True))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, f"{self._title}: nothing yet")
        painter.end()

    def _axes(self, painter: QPainter, area: QRectF, view: _View) -> None:
        pale = text_colour(self, faint=True)
        grid = QColor(pale)
        grid.setAlphaF(0.18)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in (view.low, (view.low + view.high) / 2, view.high):
            y = view.place(view.first, value).y()
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(pale)
            painter.drawText(QRectF(0, y - 8, _LEFT - 5, 16), right, _short(value))
        below = QRectF(area.left(), area.bottom() + 1, area.width(), _BOTTOM)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{view.first:,.0f}")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{view.last:,.0f} steps")

    def _line(self, painter: QPainter, line: Line, colour: str, view: _View, step: float | None) -> None:
        points = [view.place(x, y) for x, y in zip(line.steps, line.values, strict=True)]
        painter.setPen(QPen(QColor(colour), 1.6))
        painter.drawPolyline(QPolygonF(points))
        shown = points[-1] if step is None else points[_nearest(line.steps, step)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colour))
        painter.drawEllipse(shown, 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _words(self, painter: QPainter, view: _View, step: float | None) -> None:
        """Write the title and, in the colour of each line, its figure."""
        left = 0.0
        head = self._title if step is None else f"Step {step:,.0f}"
        pieces = [(f"{head}  ", text_colour(self))]
        for (name, line), colour in zip(self.lines.items(), _COLOURS, strict=False):
            value = line.values[-1 if step is None else _nearest(line.steps, step)]
            word = f"{name} " if len(self.lines) > 1 else ""
            pieces.append((f"{word}{_short(value)}  ", QColor(colour)))
        for text, ink in pieces:
            painter.setPen(ink)
            painter.drawText(QPointF(left, 13), text)
            left += painter.fontMetrics().horizontalAdvance(text)


class _View:
    """Which steps and values are in sight, and where they lie."""

    def __init__(self, lines: Mapping[str, Line], unit: tuple[float, float] | None, area: QRectF) -> None:
        steps = [step for line in lines.values() for step in line.steps]
        values = [value for line in lines.values() for value in line.values]
        self.area = area
        self.first, self.last = min(steps), max(steps)
        low, high = unit or (min(values), max(values))
        spare = (high - low) * 0.05 if unit is None else 0.0
        self.low, self.high = low - spare, high + spare
        if self.high <= self.low:
            self.low, self.high = self.low - 0.5, self.high + 0.5

    def place(self, step: float, value: float) -> QPointF:
        across = (step - self.first) / max(self.last - self.first, 1e-9)
        up = (value - self.low) / (self.high - self.low)
        return QPointF(
            self.area.left() + across * self.area.width(),
            self.area.bottom() - min(max(up, 0.0), 1.0) * self.area.height(),
        )

    def step_at(self, x: float) -> float:
        share = min(max((x - self.area.left()) / max(self.area.width(), 1), 0.0), 1.0)
        step: float = self.first + share * (self.last - self.first)
        return step


def _nearest(steps: list[float], step: float) -> int:
    return min(range(len(steps)), key=lambda place: abs(steps[place] - step))


def _short(value: float) -> str:
    if value == 0 or 0.01 <= abs(value) < 100:
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{value:.2g}" if abs(value) < 0.01 else f"{value:,.0f}"


def _shrink(painter: QPainter) -> None:
    font = QFont(painter.font())
    size = font.pointSizeF()
    if size > 0:
        font.setPointSizeF(size * 0.86)
    else:
        font.setPixelSize(round(font.pixelSize() * 0.86))
    painter.setFont(font)
