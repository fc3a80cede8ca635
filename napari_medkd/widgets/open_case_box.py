"""The case that is open: its name, the time it takes, and where its mask goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout

from napari_medkd.core.stopwatch import Stopwatch
from napari_medkd.widgets.buttons import IconButton, PanelButton
from napari_medkd.widgets.case_list import duration
from napari_medkd.widgets.inputs import make_calm
from napari_medkd.widgets.labels import SPACING, OneLine, Section

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_medkd.learning.case_log import CaseNote
    from napari_medkd.learning.cases import Case

_TICK_MS = 1000


class OpenCaseBox(Section):
    """Shows one case; hidden while none is open."""

    done_requested = Signal(object)  # Case

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Open case", parent)
        self.case: Case | None = None
        self.stopwatch = Stopwatch()
        self.masks: Path | None = None
        self._before = 0.0  # seconds that were spent on it in earlier sessions
        self._name, self._time, self._where = OneLine(middle=True), OneLine(), OneLine(middle=True)
        self._save = QCheckBox("Save its mask in")
        self._save.setAccessibleName("Save its mask in")
        self._save.setToolTip("Done writes the labels of the case into this folder, with its geometry.")
        self._save.setChecked(True)
        make_calm(self._save)
        self._choose = IconButton("folder", "Folder of masks", "Choose another folder for masks.")
        self._done = PanelButton("Done, next", "Save its mask, note it as done, and open the next case.")
        masks, foot = QHBoxLayout(), QHBoxLayout()
        for row in (masks, foot):
            row.setSpacing(SPACING)
        masks.addWidget(self._save)
        masks.addWidget(self._where, 1)
        masks.addWidget(self._choose)
        foot.addWidget(self._time, 1)
        foot.addWidget(self._done)
        self.body.addWidget(self._name)
        self.body.addLayout(masks)
        self.body.addLayout(foot)
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._show_time)
        self._done.clicked.connect(self._on_done)
        self._choose.clicked.connect(self._on_choose)
        self.hide()

    def show_case(self, case: Case | None, note: CaseNote | None = None) -> None:
        """Show a case, with how it stood before; None where none is open any more."""
        self.case = case
        self.stopwatch = Stopwatch()
        self._before = note.seconds if note is not None else 0.0
        self.setVisible(case is not None)
        if case is None:
            self._tick.stop()
            return
        self._name.setText(case.name)
        self._name.setToolTip(case.name)
        self._show_time()
        self._tick.start()

    def show_masks(self, folder: Path) -> None:
        """Say where masks go."""
        self.masks = folder
        self._where.setText(folder.name)
        self._where.setToolTip(str(folder))

    @property
    def target(self) -> Path | None:
        """The file that its mask is saved in; None where it is not to be saved."""
        if self.case is None or self.masks is None or not self._save.isChecked():
            return None
        return self.masks / self.case.mask

    def _show_time(self) -> None:
        spent = duration(self._before + self.stopwatch.so_far)
        self._time.setText(f"{spent} so far" if spent else "")

    def _on_done(self) -> None:
        if self.case is not None:
            self.done_requested.emit(self.case)

    def _on_choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder for masks", str(self.masks or ""))
        if chosen:
            self.show_masks(Path(chosen))
