"""The Cases tab with a made folder: states, order, time, failures, and thousands of rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from napari_medkd.errors import UnreadableFile
from napari_medkd.learning.case_log import CaseLog
from napari_medkd.learning.cases import Case, CaseFolder
from napari_medkd.widgets.case_rows import ORDERS
from napari_medkd.widgets.cases_panel import CasesPanel

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = UnreadableFile("The file is cut off.", "Copy it again.")


class Shelf:
    """A folder of four images; the third is broken."""

    def __init__(self, folder: Path, count: int = 4) -> None:
        self.folder, self.count, self.ranked = folder, count, 0

    def in_folder(self, folder, progress):
        progress(self.count, 0)
        return CaseFolder(folder, self._cases(), folder / "masks")

    def in_report(self, path, progress):
        cases = [
            Case(case.name, case.files, case.mask, confidence=0.9 - place / 10)
            for place, case in enumerate(self._cases())
        ]
        return CaseFolder(self.folder, tuple(cases), self.folder / "masks")

    def log(self, folder):
        return CaseLog(folder)

    def rank(self, cases, tell, progress, seen):
        self.ranked += len(cases)
        for place, case in enumerate(cases):
            broken = case.name.endswith("2.png")
            tell(case.name, None if broken else place / 10, str(BROKEN) if broken else "uncertain outline")
            progress(place + 1, len(cases))

    def _cases(self):
        names = [f"{place}.png" for place in range(self.count)]
        return tuple(Case(name, (self.folder / name,), name) for name in names)


@pytest.fixture
def tab(qtbot, tmp_path):
    """Return the tab with its folder open; what it asks for is opened, but for the broken one."""
    panel = CasesPanel(Shelf(tmp_path), choose_report=lambda: tmp_path / "report.csv")
    qtbot.addWidget(panel)
    panel.asked = []

    def answer(case):
        panel.asked.append(case.name)
        if case.name == "2.png":
            panel.show_failed(case, BROKEN)
        else:
            panel.show_opened(case)

    panel.open_requested.connect(answer)
    panel.done_requested.connect(lambda case: panel.finish("done"))
    panel.resize(324, 800)
    panel.show()
    panel.work_through(tmp_path)
    qtbot.waitUntil(lambda: len(panel.cases.rows) == 4)
    return panel


def press(qtbot, button, panel, name):
    qtbot.mouseClick(button(panel, name), Qt.MouseButton.LeftButton)


def states(panel):
    return {row.case.name: row.note.state for row in panel.cases.rows}


def order_by(panel, order):
    chooser = panel.findChild(QComboBox)
    chooser.setCurrentIndex(list(ORDERS).index(order))
    chooser.activated.emit(chooser.currentIndex())


def test_done_goes_on_and_a_broken_case_turns_red_and_stops_nothing(tab, qtbot, button):
    qtbot.keyClick(tab.list, Qt.Key.Key_Return)
    assert tab.open_case.case.name == "0.png" and tab.open_case.target == tab.open_case.masks / "0.png"
    tab.open_case.stopwatch.touch = lambda: None
    tab.open_case.stopwatch._spent = 65.0
    press(qtbot, button, tab, "Done, next")
    assert tab.asked == ["0.png", "1.png"]
    assert tab.cases.row_of("0.png").note.seconds == 65
    press(qtbot, button, tab, "Skip")
    assert tab.asked[-2:] == ["2.png", "3.png"]
    assert states(tab) == {"0.png": "done", "1.png": "skipped", "2.png": "failed", "3.png": "open"}
    assert tab.cases.row_of("2.png").sentence == "The file is cut off. Copy it again."
    assert "1 to do · 1 done · 1 skipped · 1 failed" in tab.text
    tab.list.choose("2.png")
    press(qtbot, button, tab, "Open")
    assert tab.asked[-1] == "2.png" and tab.open_case.case is None  # this one was meant, no other


def test_the_work_goes_on_another_day(tab, qtbot, button, tmp_path):
    qtbot.keyClick(tab.list, Qt.Key.Key_Return)
    press(qtbot, button, tab, "Done, next")
    tab.pause()
    later = CasesPanel(Shelf(tmp_path))
    qtbot.addWidget(later)
    later.work_through(tmp_path)
    qtbot.waitUntil(lambda: len(later.cases.rows) == 4)
    assert states(later) == {"0.png": "done", "1.png": "open", "2.png": "new", "3.png": "new"}
    assert later.list.chosen.case.name == "1.png"


def test_a_report_brings_the_least_certain_first(tab, qtbot, button):
    press(qtbot, button, tab, "Batch report…")
    qtbot.waitUntil(lambda: tab.cases.rows[0].case.confidence is not None)
    assert [row.case.name for row in tab.cases.rows] == ["3.png", "2.png", "1.png", "0.png"]
    assert tab.cases.rows[0].sentence == "certainty of the batch 0.60"


def test_ranking_sorts_as_it_goes_and_marks_what_cannot_be_read(tab, qtbot):
    tab.list.choose("1.png")
    order_by(tab, "useful")
    qtbot.waitUntil(lambda: tab.cases.rows[0].case.name == "3.png")
    assert [row.case.name for row in tab.cases.rows] == ["3.png", "1.png", "0.png", "2.png"]
    assert states(tab)["2.png"] == "failed"
    assert tab.list.chosen.case.name == "1.png"
    order_by(tab, "name")
    order_by(tab, "useful")
    assert tab._source.ranked == 4  # what is known is not looked at again


def test_thousands_of_cases_cost_what_is_on_the_screen(qtbot, tmp_path):
    panel = CasesPanel(Shelf(tmp_path, count=5000))
    qtbot.addWidget(panel)
    panel.resize(324, 800)
    panel.show()
    panel.work_through(tmp_path)
    qtbot.waitUntil(lambda: len(panel.cases.rows) == 5000)
    seen = 0
    asked = panel.cases.data

    def count(index, role=Qt.ItemDataRole.DisplayRole):
        nonlocal seen
        seen += 1
        return asked(index, role)

    panel.cases.data = count
    panel.list.choose("4321.png")
    start = time.process_time()
    panel.list.viewport().repaint()
    assert 0 < seen < 500
    assert time.process_time() - start < 1


def test_the_tab_fits_the_narrowest_panel(tab):
    from qtpy.QtWidgets import QScrollArea

    (area,) = [child for child in tab.findChildren(QScrollArea) if type(child).__name__ == "_Scroll"]
    assert area.widget().minimumSizeHint().width() <= 300 - area.verticalScrollBar().sizeHint().width()
