"""What every control of the Learn and Cases tabs has: a name, a sentence on what it does, a way in by Tab."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QAbstractItemView, QApplication, QCheckBox, QComboBox, QLineEdit

from napari_medkd.settings import Settings
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.cases_panel import CasesPanel
from napari_medkd.widgets.comparison_sheet import ComparisonSheet
from napari_medkd.widgets.elsewhere_sheet import ElsewhereSheet
from napari_medkd.widgets.learn_panel import LearnPanel
from tests.widgets.test_cases_panel import Shelf
from tests.widgets.test_learn_panel import COMPARISON, School

KINDS = {
    "learn": lambda folder: LearnPanel(School(), Settings(), folder, lambda: None),
    "cases": lambda folder: CasesPanel(Shelf(folder)),
    "comparison": lambda folder: ComparisonSheet(COMPARISON, folder, "old", "new"),
    "elsewhere": lambda folder: ElsewhereSheet(["rsync"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_control_says_what_it_does(kind, tmp_path, qtbot):
    widget = KINDS[kind](tmp_path)
    qtbot.addWidget(widget)
    controls = [
        child
        for sort in (PanelButton, QCheckBox, QComboBox, QLineEdit, QAbstractItemView)
        for child in widget.findChildren(sort)
        if "Private" not in type(child.parent()).__name__
        and type(child).__name__ not in ("QListView", "QHeaderView")
    ]
    assert controls
    for control in controls:
        name = control.accessibleName()
        assert name, control
        assert control.toolTip() or isinstance(control, QAbstractItemView), name
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, name


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_built_and_destroyed(kind, tmp_path, qapp):
    widget = KINDS[kind](tmp_path)
    widget.show()
    widget.deleteLater()
    QApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete.value)
