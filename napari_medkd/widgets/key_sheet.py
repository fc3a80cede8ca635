"""The ``?`` sheet: every key and gesture, from the one table."""

from __future__ import annotations

from itertools import groupby

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.keys import GESTURES, KEYS
from napari_medkd.widgets.labels import Caption, Heading

_KEY_WIDTH = 140  # one column for the keys of every group


class KeySheet(QDialog):
    """A small window that can stay open beside the image."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        columns = QGridLayout()
        columns.setHorizontalSpacing(28)
        groups = {name: list(keys) for name, keys in groupby(KEYS, key=lambda key: key.group)}
        rows = {
            name: [(" or ".join(key.labels), key.title, key.tooltip) for key in keys]
            for name, keys in groups.items()
        }
        rows["Mouse"] = [(gesture.how, gesture.title, "") for gesture in GESTURES]
        left, right = QVBoxLayout(), QVBoxLayout()
        for place, (name, lines) in enumerate(rows.items()):
            (left if place % 2 == 0 else right).addWidget(_group(name, lines))
        for side, layout in enumerate((left, right)):
            layout.setSpacing(12)
            layout.addStretch(1)
            columns.addLayout(layout, 0, side)
        close = PanelButton("Close", "Close this sheet. (Esc)")
        close.clicked.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.addLayout(columns)
        layout.addWidget(
            Caption("They work on the image and on every layer of ours; text fields keep their keys.")
        )
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)


def _group(name: str, lines: list[tuple[str, str, str]]) -> QWidget:
    widget = QWidget()
    grid = QGridLayout(widget)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(4)
    grid.addWidget(Heading(name), 0, 0, 1, 2)
    for row, (keys, title, tooltip) in enumerate(lines, start=1):
        pressed, meaning = QLabel(keys), QLabel(title)
        pressed.setTextFormat(Qt.TextFormat.PlainText)
        pressed.setMinimumWidth(_KEY_WIDTH)
        for label in (pressed, meaning):
            label.setIndent(0)
            label.setToolTip(tooltip)
        grid.addWidget(pressed, row, 0)
        grid.addWidget(meaning, row, 1)
    grid.setColumnStretch(1, 1)
    return widget
