"""A column of sections that scrolls up and down and never sideways."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_medkd.widgets.labels import MARGIN

_WIDTH = 324  # what the panel asks for
_NARROWEST = 300  # where no text is clipped yet


def column(*sections: QWidget) -> QWidget:
    """Return a widget with `sections` below each other, as high as they need."""
    widget = QWidget()
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
    layout.setSpacing(14)
    for section in sections:
        layout.addWidget(section)
    layout.addStretch(1)
    return widget


def scrolled(content: QWidget) -> QScrollArea:
    """Return `content` in a scroll area without a frame."""
    area = _Scroll()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


class _Scroll(QScrollArea):
    """As wide as the panel asks to be, whatever is inside."""

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, 640)

    def minimumSizeHint(self) -> QSize:
        return QSize(_NARROWEST, 160)
