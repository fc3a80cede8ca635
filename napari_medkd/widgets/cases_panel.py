"""The Cases tab: the images of a folder, one after the other, the most useful first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.case_list import CaseList
from napari_medkd.widgets.case_rows import DOUBTFUL, NAME, ORDERS, USEFUL, CaseModel, CaseRow
from napari_medkd.widgets.inputs import CompactCombo
from napari_medkd.widgets.job_bar import JobBar
from napari_medkd.widgets.labels import SPACING, Caption, OneLine, Section, Word
from napari_medkd.widgets.open_case_box import OpenCaseBox
from napari_medkd.widgets.scroll import column, scrolled

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.learning.case_log import CaseLog, CaseNote, CaseState
    from napari_medkd.learning.cases import Case, CaseFolder
    from napari_medkd.widgets.cases import CaseSource

_SORT_MS = 1000  # while images are being ranked


class CasesPanel(QWidget):
    """Lists cases and says which one to open; whoever opens it says how that went.

    Parameters
    ----------
    source : CaseSource
        Finds and ranks cases.
    choose_folder, choose_report : callable, optional
        Ask the user for a folder, and for the report of a batch; None where they would rather not.
    """

    open_requested = Signal(object)  # Case: answer with `show_opened` or `show_failed`
    done_requested = Signal(object)  # Case: save its mask, then call `finish`

    def __init__(
        self,
        source: CaseSource,
        choose_folder: Callable[[], Path | None] | None = None,
        choose_report: Callable[[], Path | None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._source = source
        self._choose_folder = choose_folder or self._folder_dialog
        self._choose_report = choose_report or self._report_dialog
        self._log: CaseLog | None = None
        self._goes_on = False
        self._found: list[tuple[str, float | None, str]] = []  # by a thread, since the last sorting
        self.cases = CaseModel(self)
        self.list = CaseList(self.cases)
        self.open_case = OpenCaseBox()
        self._job = JobBar()
        self._build()
        self._sorting = QTimer(self)
        self._sorting.setInterval(_SORT_MS)
        self._sorting.timeout.connect(self._take_ranks)
        self._connect()
        self._show_state()

    # --- what the viewer says -----------------------------------------------------------------------------
    def work_through(self, folder: Path) -> None:
        """List the images of a folder."""
        self._start("Looking through the folder", lambda progress: self._source.in_folder(folder, progress))

    def work_through_report(self, path: Path) -> None:
        """List the images of a batch's report, the least certain first."""
        self._start(
            "Reading the report", lambda progress: self._source.in_report(path, progress), order=DOUBTFUL
        )

    def show_opened(self, case: Case) -> None:
        """Say that a case is open in the viewer now."""
        self._note(case.name, "open")
        self.list.choose(case.name)
        self.open_case.show_case(case, self.cases.row_of(case.name).note)
        self._show_state()

    def show_failed(self, case: Case, error: MedkdError) -> None:
        """Say that a case cannot be opened: its row turns red, and Next goes on to the one after it."""
        self._note(case.name, "failed", reason=str(error))
        self.list.choose(case.name)
        self._show_state()
        if self._goes_on:
            self.open_next()

    def finish(self, state: CaseState) -> None:
        """Close the books on the case that is open, and go on with the next one."""
        case = self.open_case.case
        if case is None:
            return
        self._note(case.name, state, self.open_case.stopwatch.take())
        self.open_case.show_case(None)
        self._show_state()
        self.open_next()

    def pause(self) -> None:
        """Keep the time that was spent on the open case; it stays open for another day."""
        if self.open_case.case is not None:
            self._note(self.open_case.case.name, "open", self.open_case.stopwatch.take())

    def open_next(self) -> None:
        """Ask for the selected case where it is new, else for the next one that is left to do."""
        row = self.list.chosen
        if row is None or row.note.state != "new":
            row = self.cases.after(row.case.name if row is not None else "")
        if row is not None:
            self._ask_for(row, goes_on=True)
        elif self.cases.rows:
            self._job.say("All cases are done, skipped or failed.")

    def show_error(self, error: MedkdError) -> None:
        """Show what went wrong under the buttons."""
        self._job.say(str(error))

    @property
    def text(self) -> str:
        """What is said of the folder and of the work on it."""
        return " ".join(filter(None, (self._where.text(), self._counts.text(), self._job.text)))

    # --- inside -------------------------------------------------------------------------------------------
    def _build(self) -> None:
        self._folder = PanelButton("Folder…", "List the images of a folder, and of all folders in it.")
        self._report = PanelButton(
            "Batch report…", "List the images of a batch, the least certain first, with their masks."
        )
        self._where, self._counts = OneLine("No folder is chosen.", middle=True), Caption()
        self._order = CompactCombo("Order", "Which cases come first.")
        for order, title in ORDERS.items():
            self._order.addItem(title, order)
        self._order.setCurrentIndex(list(ORDERS).index(NAME))
        self._open = PanelButton("Open", "Open the selected case in the viewer. (Enter or double click)")
        self._next = PanelButton("Next", "Open the next case that is left to do.")
        self._skip = PanelButton("Skip", "Leave the selected case out; open it to take it up again.")
        section, head, order, foot = Section("Cases"), QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for row, widgets in (
            (head, (self._folder, self._report)),
            (foot, (self._open, self._next, self._skip)),
        ):
            row.setSpacing(SPACING)
            for widget in widgets:
                row.addWidget(widget)
        order.setSpacing(SPACING)
        order.addWidget(Word("Order"))
        order.addWidget(self._order, 1)
        section.body.addLayout(head)
        for widget in (self._where, self._counts, self._job):
            section.body.addWidget(widget)
        section.body.addLayout(order)
        section.body.addWidget(self.list)
        section.body.addLayout(foot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(column(section, self.open_case)))

    def _connect(self) -> None:
        self._folder.clicked.connect(self._on_folder)
        self._report.clicked.connect(self._on_report)
        self._order.activated.connect(self._on_order)
        self._open.clicked.connect(self._on_open)
        self._next.clicked.connect(self.open_next)
        self._skip.clicked.connect(self._on_skip)
        self._job.finished.connect(self._on_job_finished)
        self.list.open_requested.connect(lambda name: self._ask_for(self.cases.row_of(name)))
        self.list.selectionModel().currentChanged.connect(lambda *_: self._show_state())
        self.open_case.done_requested.connect(self.done_requested)

    def _start(
        self, title: str, work: Callable[[Callable[[int, int], None]], CaseFolder], order: str = ""
    ) -> None:
        if self._job.is_busy:
            return
        self.pause()
        if order:
            self._order.setCurrentIndex(list(ORDERS).index(order))

        def look(progress: Callable[[int, int], None]) -> tuple[CaseFolder, CaseLog]:
            found = work(progress)
            return found, self._source.log(found.folder)

        self._job.start(title, look, self._show_folder)

    def _show_folder(self, looked: tuple[CaseFolder, CaseLog]) -> None:
        found, self._log = looked
        self.open_case.show_case(None)
        self.open_case.show_masks(found.masks)
        rows = [CaseRow(case, self._log.of(case.name)) for case in found.cases]
        self.cases.show(rows, self._order.currentData())
        self._where.setText(str(found.folder))
        self._where.setToolTip(str(found.folder))
        unfinished = next((row for row in self.cases.rows if row.note.state == "open"), None)
        if rows:
            self.list.choose((unfinished or self.cases.rows[0]).case.name)
        self._show_state()
        if self._order.currentData() == USEFUL:
            self._rank()

    def _show_state(self) -> None:
        states = [row.note.state for row in self.cases.rows]
        counted = [f"{states.count(state):,} {state}" for state in ("done", "skipped", "failed")]
        left = len(states) - sum(states.count(state) for state in ("done", "skipped", "failed"))
        self._counts.setText(f"{left:,} to do · {' · '.join(counted)}" if states else "")
        self._counts.setVisible(bool(states))
        chosen = self.list.chosen
        self._open.setEnabled(chosen is not None)
        self._skip.setEnabled(chosen is not None and chosen.is_open)
        self._next.setEnabled(left > 0)
        self._order.setEnabled(bool(states))

    def _note(self, name: str, state: CaseState, seconds: float = 0.0, reason: str = "") -> None:
        if self._log is None:
            return
        row = self.cases.row_of(name)
        try:
            row.note = self._log.note(name, state, seconds, reason)
        except MedkdError as error:
            self.show_error(error)
            row.note = _changed(row.note, state, seconds, reason)
        self.cases.touch(name)

    def _ask_for(self, row: CaseRow, *, goes_on: bool = False) -> None:
        """Ask for a case to be opened, or with `goes_on` the first from it that can be.

        The time that was spent on the one before is kept.
        """
        self._goes_on = goes_on
        self.pause()
        self.open_case.show_case(None)
        self._job.say("")
        self.open_requested.emit(row.case)

    # --- ranking ------------------------------------------------------------------------------------------
    def _rank(self) -> None:
        new = [row.case for row in self.cases.rows if row.usefulness is None and row.is_open]
        done = [row.case for row in self.cases.rows if row.note.state == "done"]
        seen = {case.name for case in done}
        if not new or self._job.is_busy:
            return

        def tell(name: str, usefulness: float | None, sentence: str) -> None:
            self._found.append((name, usefulness, sentence))  # one list.append: no lock is needed

        self._job.start(
            "Looking at the images",
            lambda progress: self._source.rank([*new, *done], tell, progress, seen),
            lambda _: None,
        )
        self._sorting.start()

    def _take_ranks(self) -> None:
        """Take over what the thread has found since, and sort once for all of it."""
        found, self._found = self._found, []
        for name, usefulness, sentence in found:
            row = self.cases.row_of(name)
            row.usefulness, row.opinion = usefulness, sentence
            if usefulness is None and row.is_open:
                self._note(name, "failed", reason=sentence)
        if found:
            self.cases.sort_by(self._order.currentData())
            self._show_state()

    # --- slots --------------------------------------------------------------------------------------------
    def _on_folder(self) -> None:
        folder = self._choose_folder()
        if folder is not None:
            self.work_through(folder)

    def _on_report(self) -> None:
        path = self._choose_report()
        if path is not None:
            self.work_through_report(path)

    def _on_order(self, *_: object) -> None:
        self.cases.sort_by(self._order.currentData())
        if self._order.currentData() == USEFUL:
            self._rank()

    def _on_open(self) -> None:
        if self.list.chosen is not None:
            self._ask_for(self.list.chosen)

    def _on_skip(self) -> None:
        row = self.list.chosen
        if row is None:
            return
        if self.open_case.case is not None and self.open_case.case.name == row.case.name:
            self.finish("skipped")
            return
        self._note(row.case.name, "skipped")
        self._show_state()

    def _on_job_finished(self) -> None:
        self._sorting.stop()
        self._take_ranks()
        self._show_state()

    def _folder_dialog(self) -> Path | None:
        name = QFileDialog.getExistingDirectory(self, "A folder of images")
        return Path(name) if name else None

    def _report_dialog(self) -> Path | None:
        name, _ = QFileDialog.getOpenFileName(self, "The report of a batch", "", "Reports (report.csv)")
        return Path(name) if name else None


def _changed(note: CaseNote, state: CaseState, seconds: float, reason: str) -> CaseNote:
    spent = note.seconds + seconds
    return note.model_copy(update={"state": state, "seconds": spent, "reason": reason})
