"""How to run the same folder on another computer: what to type, ready to be copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QFontDatabase, QGuiApplication
from qtpy.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.labels import Caption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

_HOW = (
    "The run was written into a folder with all that it needs: your corrections as images and masks, and "
    "what to do with them. Take it to the other computer, start it there, and bring it back into the folder "
    "of runs: it then stands here with its comparison, like any other. Mind that your images are in it."
)


class ElsewhereSheet(QDialog):
    """A small window with commands.

    Parameters
    ----------
    lines : sequence of str
        What to type, line by line; comments begin with ``#``.
    """

    def __init__(self, lines: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("On another computer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._commands = QPlainTextEdit("\n".join(lines))
        self._commands.setReadOnly(True)
        self._commands.setAccessibleName("Commands")
        self._commands.setToolTip("What to type, here and on the other computer.")
        self._commands.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._commands.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        copy = PanelButton("Copy", "Copy all of it.")
        close = PanelButton("Close", "Close this sheet. (Esc)")
        copy.clicked.connect(self._on_copy)
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(copy)
        row.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.addWidget(Caption(_HOW, lines=4))
        layout.addWidget(self._commands, 1)
        layout.addLayout(row)

    def sizeHint(self) -> QSize:
        """Have room for long commands."""
        return QSize(620, 380)

    def _on_copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._commands.toPlainText())
