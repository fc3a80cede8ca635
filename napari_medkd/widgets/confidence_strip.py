"""One column a slice: how sure the model is of the object there; a click goes to the slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_medkd.widgets.drawing import AMBER, BLUE, GREEN, GREY, RED, text_colour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_medkd.session.stack import Section

_HEIGHT, _TICK, _LINE = 34, 5, 1.5  # pixels
_GAP, _LEAST = 3, 2  # wider columns are a pixel apart; none is narrower
_SURE, _DOUBTFUL = 0.7, 0.5  # confidences from which a slice is green, and amber


class ConfidenceStrip(QWidget):
    """A bar for each slice of the volume, as high and as green as the object is sure on it.

    Slices that the user said something on are blue and have a tick below; grey ones were made without a
    model. A line shows the slice on the screen.
    """

    slice_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._count, self._current = 0, -1
        self._sections: Mapping[int, Section] = {}
        self.setAccessibleName("Confidence of each slice")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_sections(self, count: int, sections: Mapping[int, Section], current: int) -> None:
        """Show an object of `sections` in a volume of `count` slices, of which `current` is on the screen."""
        self._count, self._sections, self._current = count, sections, current
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as the panel lets it be."""
        return QSize(120, _HEIGHT)

    def slice_at(self, x: float) -> int:
        """Return the slice under a horizontal position."""
        return max(0, min(self._count - 1, int(x * self._count / max(self.width(), 1))))

    def sentence(self, index: int) -> str:
        """Return what is known of a slice, for its tooltip."""
        section = self._sections.get(index)
        if section is None:
            return f"Slice {index}: not part of the object. Click to go there."
        if section.is_given:
            return f"Slice {index}: prompted by you. Click to go there."
        known = "interpolated" if section.score is None else f"confidence {section.score:.2f}"
        return f"Slice {index}: {known}. Click to go there."

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bars."""
        painter = QPainter(self)
        frame = QColor(text_colour(self, faint=True))
        frame.setAlphaF(0.15)
        painter.fillRect(self.rect(), frame)
        if self._count:
            for index, section in self._sections.items():
                self._draw(painter, index, section)
            if self._current >= 0:
                painter.fillRect(self._column(self._current, self.height(), _LINE), text_colour(self))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Ask for the slice under the mouse."""
        if self._count:
            self.slice_clicked.emit(self.slice_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow a drag."""
        self.mousePressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Say in the tooltip what is known of the slice under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._count:
            QToolTip.showText(event.globalPos(), self.sentence(self.slice_at(event.pos().x())), self)
            return True
        return bool(super().event(event))

    def _draw(self, painter: QPainter, index: int, section: Section) -> None:
        room = self.height() - _TICK - 1
        score = 1.0 if section.is_given or section.score is None else section.score
        bar = self._column(index, max(2.0, score * room))
        bar.moveBottom(room)
        painter.fillRect(bar, QColor(_colour(section)))
        if section.is_given:
            tick = self._column(index, _TICK)
            tick.moveBottom(self.height())
            painter.fillRect(tick, QColor(BLUE))

    def _column(self, index: int, height: float, width: float | None = None) -> QRectF:
        """Return the column of a slice from the top, or a line of `width` pixels in its middle."""
        step = self.width() / self._count
        shown = width or max(step - (1 if step > _GAP else 0), _LEAST)
        return QRectF((index + 0.5) * step - shown / 2, 0, shown, height)


def _colour(section: Section) -> str:
    if section.is_given:
        return BLUE
    if section.score is None:
        return GREY
    return GREEN if section.score >= _SURE else AMBER if section.score >= _DOUBTFUL else RED
