"""The panel's buttons: icon over a word, icon alone, text with its key, text like a link."""

from __future__ import annotations

from qtpy.QtCore import QRect, QRectF, QSize, Qt
from qtpy.QtGui import QKeyEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QPushButton, QSizePolicy, QWidget

from napari_medkd.widgets.drawing import draw_focus, draw_icon, text_colour

_ICON = 18
_HINT_SCALE = 0.86


class PanelButton(QPushButton):
    """A push button that leaves the keyboard with the image when it is clicked.

    Only Tab gives it the focus, so that the next key after a click is still the viewer's. Enter presses it
    while it has the focus. `focus` is shown, whatever the host's stylesheet does.

    Parameters
    ----------
    text : str
        What stands on it.
    tooltip : str
        What happens, and the key.
    name : str
        Accessible name; `text` where empty.
    """

    def __init__(self, text: str, tooltip: str, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setToolTip(tooltip)
        self.setAccessibleName(name or text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setStyleSheet("padding: 4px 10px;" if text else "")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Press on Enter too."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the host's button, then what the kind of button adds."""
        super().paintEvent(event)
        painter = QPainter(self)
        self.decorate(painter)
        if self.hasFocus():
            draw_focus(painter, self)
        painter.end()

    def decorate(self, painter: QPainter) -> None:
        """Draw on top of the button; nothing by default."""


class IconButton(PanelButton):
    """A small square button that shows an icon alone."""

    def __init__(self, icon: str, name: str, tooltip: str, *, parent: QWidget | None = None) -> None:
        super().__init__("", tooltip, name=name, parent=parent)
        self._icon = icon
        self.setFixedSize(QSize(28, 26))

    def decorate(self, painter: QPainter) -> None:
        """Draw the icon in the middle."""
        draw_icon(painter, self._icon, _centred(self.rect(), 15), text_colour(self))


class ToolButton(PanelButton):
    """A checkable button with an icon over a word: one tool of the toolbox."""

    def __init__(self, icon: str, word: str, tooltip: str, *, parent: QWidget | None = None) -> None:
        super().__init__("", tooltip, name=word, parent=parent)
        self._icon, self._word = icon, word
        self.setCheckable(True)
        self.setFixedHeight(44)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Be wide enough for the word."""
        return QSize(self._hint_width(), 44)

    def minimumSizeHint(self) -> QSize:
        """Never clip the word."""
        return self.sizeHint()

    def decorate(self, painter: QPainter) -> None:
        """Draw the icon and the word below it."""
        area, colour = QRectF(self.rect()), text_colour(self)
        draw_icon(painter, self._icon, QRectF(area.center().x() - _ICON / 2, 5, _ICON, _ICON), colour)
        _shrink(painter)
        painter.setPen(colour)
        painter.drawText(area.adjusted(0, 24, 0, -3), Qt.AlignmentFlag.AlignCenter, self._word)

    def _hint_width(self) -> int:
        return int(self.fontMetrics().horizontalAdvance(self._word) * _HINT_SCALE) + 9


class KeyButton(PanelButton):
    """A button with its text on the left and its key, fainter, on the right."""

    def __init__(self, text: str, key: str, tooltip: str, *, parent: QWidget | None = None) -> None:
        super().__init__(text, tooltip, parent=parent)
        self._key = key
        self.setStyleSheet("text-align: left; padding: 4px 8px;")

    def sizeHint(self) -> QSize:
        """Be wide enough for text and key."""
        return super().sizeHint() + QSize(self.fontMetrics().horizontalAdvance(self._key) + 8, 0)

    def minimumSizeHint(self) -> QSize:
        """Never clip text or key."""
        return self.sizeHint()

    def decorate(self, painter: QPainter) -> None:
        """Draw the key."""
        _shrink(painter)
        painter.setPen(text_colour(self, faint=True))
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect().adjusted(0, 0, -8, 0), flags, self._key)


class LinkButton(PanelButton):
    """A button that looks like underlined text, for what is rarely needed."""

    def __init__(self, text: str, tooltip: str, *, parent: QWidget | None = None) -> None:
        super().__init__(text, tooltip, parent=parent)
        self.setFlat(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setStyleSheet(
            "background: transparent; border: none; text-decoration: underline; "
            "text-align: left; padding: 2px 0;"
        )


def _centred(area: QRect, side: float) -> QRectF:
    centre = QRectF(area).center()
    return QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side)


def _shrink(painter: QPainter) -> None:
    font = painter.font()
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * _HINT_SCALE)
    else:
        font.setPixelSize(round(font.pixelSize() * _HINT_SCALE))
    painter.setFont(font)
