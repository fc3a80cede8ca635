"""The panel's texts: headings, captions that wrap, lines that end in an ellipsis; and sections of them."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_medkd.widgets.drawing import text_colour

SPACING = 6  # between the controls of a section
MARGIN = 8  # between a section and the edge


class Heading(QLabel):
    """The title of a section."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setIndent(0)
        self.setStyleSheet("font-weight: 600;")


class Caption(QLabel):
    """Wrapped text, fainter than the rest.

    Parameters
    ----------
    text : str
        What it says.
    lines : int
        Room that is kept even for a shorter text, so that nothing below moves when it changes.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None, *, lines: int = 1) -> None:
        super().__init__(text, parent)
        self._lines = lines
        if lines > 1:
            self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setIndent(0)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        # Long words (an id, a file name) may be cut at the edge, but never widen the panel.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def heightForWidth(self, width: int) -> int:
        """Keep room for the lines that are reserved."""
        kept = self._lines * int(self.fontMetrics().lineSpacing()) + 2
        return max(int(super().heightForWidth(width)), kept)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text in the host's colour, fainter."""
        painter = QPainter(self)
        painter.setPen(text_colour(self, faint=True))
        painter.drawText(self.contentsRect(), self.alignment() | Qt.TextFlag.TextWordWrap, self.text())
        painter.end()


class OneLine(Caption):
    """A caption of one line that ends in an ellipsis where it does not fit; the tooltip has it whole."""

    def __init__(self, text: str = "", parent: QWidget | None = None, *, middle: bool = False) -> None:
        super().__init__(text, parent)
        self.setWordWrap(False)
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight

    def minimumSizeHint(self) -> QSize:
        """Shrink as far as the panel does."""
        return QSize(20, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much as fits."""
        area = self.contentsRect()
        painter = QPainter(self)
        painter.setPen(text_colour(self, faint=True))
        painter.drawText(
            area, self.alignment(), self.fontMetrics().elidedText(self.text(), self._mode, area.width())
        )
        painter.end()


class Word(Caption):
    """A short caption that is always shown whole: what stands before a control."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setWordWrap(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)


class Section(QWidget):
    """A heading with controls below it, spaced like every other section."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(SPACING)
        self.heading = Heading(title)
        self.body.addWidget(self.heading)
