"""Icons and shades drawn in the host's own colours, so that every theme is followed at once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QByteArray, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtSvg import QSvgRenderer

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

# Middle tones, readable as a dot or a short word on dark and on light.
GREEN, AMBER, BLUE, RED, GREY = "#3da35d", "#d68a1e", "#4c86e8", "#d9534f", "#8b9098"
_FAINT, _DISABLED = 0.68, 0.35


@cache
def _svg(name: str) -> str:
    return (Path(__file__).parent / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def text_colour(widget: QWidget, *, faint: bool = False) -> QColor:
    """Return the host's text colour on `widget`, fainter for what matters less or is disabled."""
    colour = widget.palette().color(QPalette.ColorGroup.Active, QPalette.ColorRole.WindowText)
    colour.setAlphaF(_DISABLED if not widget.isEnabled() else _FAINT if faint else 1.0)
    return colour


def draw_icon(painter: QPainter, name: str, area: QRectF, colour: QColor) -> None:
    """Draw the icon `name` into `area` in one `colour`."""
    opaque = QColor(colour.red(), colour.green(), colour.blue())
    source = _svg(name).replace("currentColor", opaque.name())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setOpacity(colour.alphaF())
    QSvgRenderer(QByteArray(source.encode())).render(painter, area)
    painter.restore()


def draw_dot(painter: QPainter, area: QRectF, colour: str) -> None:
    """Draw a filled circle into `area`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(area)
    painter.restore()


def draw_focus(painter: QPainter, widget: QWidget) -> None:
    """Draw a thin frame around `widget`: where the keyboard is. Hosts' stylesheets tend to hide it."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(text_colour(widget, faint=True), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
    painter.restore()
