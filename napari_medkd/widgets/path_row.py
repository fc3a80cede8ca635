"""A path in one line, with a button that asks for another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.labels import SPACING, OneLine, Word

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LABEL = 52  # pixels kept for the word, so that rows below each other are aligned


class PathRow(QWidget):
    """Shows a path and lets the user choose another.

    Parameters
    ----------
    word : str
        What it is.
    tooltip : str
        What it is for.
    choose : callable
        Given the present path or None, returns the one that the user chose, or None.
    """

    chosen = Signal(object)  # Path

    def __init__(
        self,
        word: str,
        tooltip: str,
        choose: Callable[[Path | None], Path | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._choose = choose
        self._path: Path | None = None
        self._shown = OneLine("None is chosen", middle=True)
        self._button = PanelButton("Choose…", tooltip, name=f"Choose {word.lower()}")
        label = Word(word)
        label.setMinimumWidth(_LABEL)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACING)
        row.addWidget(label)
        row.addWidget(self._shown, 1)
        row.addWidget(self._button)
        self._button.clicked.connect(self._on_clicked)

    @property
    def path(self) -> Path | None:
        """The path that is shown."""
        return self._path

    def set_path(self, path: Path | None) -> None:
        """Show another path, without a signal."""
        self._path = path
        self._shown.setText(str(path) if path is not None else "None is chosen")
        self._shown.setToolTip(str(path) if path is not None else "")

    def _on_clicked(self) -> None:
        path = self._choose(self._path)
        if path is not None:
            self.set_path(path)
            self.chosen.emit(path)
