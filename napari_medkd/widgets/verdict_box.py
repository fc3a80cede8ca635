"""What came of the newest run: a summary, the sheet, and the decision that only the user takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_medkd.widgets.buttons import LinkButton, PanelButton
from napari_medkd.widgets.comparison_sheet import KEEP, USE, ComparisonSheet
from napari_medkd.widgets.labels import SPACING, Caption, Section
from napari_medkd.widgets.training_box import run_title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_medkd.learning import LearningRun
    from napari_medkd.runs.comparison import Comparison


class VerdictBox(Section):
    """Shows a run that came to a model and was not decided about; hidden without one."""

    use_requested = Signal(object)  # Path of the run
    keep_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("New model", parent)
        self._run: LearningRun | None = None
        self._comparison: Comparison | None = None
        self._titles: dict[str, str] = {}
        self._title, self._words = Caption(), Caption()
        self._compare = LinkButton("Compare…", "Show both models on the same cases: figures and pictures.")
        self._use, self._keep = PanelButton("Use new", USE), PanelButton("Keep old", KEEP)
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        row.addWidget(self._compare)
        row.addStretch(1)
        row.addWidget(self._keep)
        row.addWidget(self._use)
        self.body.addWidget(self._title)
        self.body.addWidget(self._words)
        self.body.addLayout(row)
        self._compare.clicked.connect(self.show_sheet)
        self._use.clicked.connect(self._on_use)
        self._keep.clicked.connect(self._on_keep)
        self.hide()

    @property
    def text(self) -> str:
        """What is said of the new model."""
        return " ".join(filter(None, (self._title.text(), self._words.text())))

    def show_run(
        self, run: LearningRun | None, comparison: Comparison | None, titles: Mapping[str, str]
    ) -> None:
        """Show the run that waits for a decision, with what it measured; None hides the section."""
        self.setVisible(run is not None)
        self._run, self._comparison, self._titles = run, comparison, dict(titles)
        if run is None:
            return
        self._title.setText(run_title(run))
        sentences = comparison.sentences if comparison is not None else ["Nothing was measured."]
        self._words.setText(" ".join(sentences))
        self._compare.setEnabled(comparison is not None)

    def show_sheet(self) -> None:
        """Open the comparison beside the image."""
        if self._run is None or self._comparison is None:
            return
        before = self._titles.get(self._comparison.before, self._comparison.before)
        for older in self.findChildren(ComparisonSheet):
            older.close()
        sheet = ComparisonSheet(
            self._comparison, self._run.handle.folder, before, run_title(self._run), parent=self
        )
        sheet.use_requested.connect(self._on_use)
        sheet.keep_requested.connect(self._on_keep)
        sheet.show()

    def _on_use(self) -> None:
        if self._run is not None:
            self.use_requested.emit(self._run.handle.folder)

    def _on_keep(self) -> None:
        if self._run is not None:
            self.keep_requested.emit(self._run.handle.folder)
