"""The comparison as a window of its own: figures, the worst cases side by side, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.comparison_table import latency_table, set_table, set_title
from napari_medkd.widgets.labels import Caption, Heading
from napari_medkd.widgets.pictures import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_medkd.runs.comparison import Comparison, WorstCase

USE = "Use the new model from now on; the old one stays installed, and Roll back brings it back."
KEEP = "Go on with the model in use; the new one stays in the folder of its run."


class ComparisonSheet(QDialog):
    """Both models side by side; it can stay open beside the image.

    Parameters
    ----------
    comparison : Comparison
        What was measured.
    folder : Path
        The run, where the pictures are.
    before, after : str
        What people call the two models.
    decided : bool
        Whether the choice was made already; then it is not offered again.
    """

    use_requested = Signal()
    keep_requested = Signal()

    def __init__(
        self,
        comparison: Comparison,
        folder: Path,
        before: str,
        after: str,
        *,
        decided: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"{after} beside {before}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        content = QWidget()
        page = QVBoxLayout(content)
        page.setContentsMargins(0, 0, 8, 0)
        page.setSpacing(8)
        page.addWidget(Caption("\n".join(comparison.sentences)))
        for found in comparison.sets:
            page.addWidget(Heading(set_title(found)))
            page.addWidget(set_table(found, comparison.prompts))
        page.addWidget(Heading("Time on this computer"))
        page.addWidget(latency_table(comparison))
        for widget in _worst(comparison, folder, before, after):
            page.addWidget(widget)
        page.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 8, 12)
        layout.addWidget(_scrolled(content), 1)
        layout.addLayout(self._foot(decided))

    def sizeHint(self) -> QSize:
        """Have room for two tables and a row of pictures."""
        return QSize(660, 720)

    def _foot(self, decided: bool) -> QHBoxLayout:
        use = PanelButton("Use new", USE)
        keep = PanelButton("Keep old", KEEP)
        close = PanelButton("Close", "Close this sheet and decide later. (Esc)")
        use.clicked.connect(self.use_requested)
        keep.clicked.connect(self.keep_requested)
        for button in (use, keep, close):
            button.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addWidget(close)
        row.addStretch(1)
        for button in (keep, use):
            row.addWidget(button)
            button.setVisible(not decided)
        return row


def _worst(comparison: Comparison, folder: Path, before: str, after: str) -> Iterator[QWidget]:
    if not comparison.worst:
        return
    yield Heading("Where it does worst")
    asked = "without a prompt" if comparison.prompts == "auto" else "to one click"
    yield Caption(f"The truth, the answer of {before} and that of {after} {asked}, side by side.")
    for one in comparison.worst:
        yield Caption(_line(one))
        yield Picture(folder / one.picture, _line(one))


def _line(one: WorstCase) -> str:
    word = "worse" if one.after < one.before else "better" if one.after > one.before else "as before"
    change = f"Dice {one.before:.2f} before, {one.after:.2f} after ({word})"
    what = "Case" if one.object == "all" else f"Object {one.object} of case"
    return f"{what} {one.case[:12]}: {change}"


def _scrolled(content: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
