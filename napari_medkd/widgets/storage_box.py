"""Where every byte lies: the folders, each with a button that opens it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QGridLayout

from napari_medkd.widgets.buttons import IconButton
from napari_medkd.widgets.labels import SPACING, OneLine, Section, Word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtWidgets import QWidget


class StorageBox(Section):
    """Lists folders.

    Parameters
    ----------
    folders : mapping of str to Path
        What is in it → folder. One that does not exist yet is opened at its nearest parent that does.
    """

    def __init__(self, folders: Mapping[str, Path], parent: QWidget | None = None) -> None:
        super().__init__("Where data are stored", parent)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACING)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, (title, folder) in enumerate(folders.items()):
            path = OneLine(_short(folder), middle=True)
            path.setToolTip(str(folder))
            button = IconButton("folder", f"Open {title}", f"Open {folder}")
            button.clicked.connect(lambda *_, folder=folder: open_folder(folder))
            grid.addWidget(Word(title), row, 0)
            grid.addWidget(path, row, 1)
            grid.addWidget(button, row, 2)
        self.body.addLayout(grid)


def open_folder(folder: Path) -> None:
    """Show a folder, or its nearest parent that exists, in the system's file manager."""
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(there)))


def _short(folder: Path) -> str:
    try:
        return str(Path("~") / folder.relative_to(Path.home()))
    except ValueError:
        return str(folder)
