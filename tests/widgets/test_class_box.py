from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_medkd.session.state import OverlapRule
from napari_medkd.widgets.class_table import COLOUR, LOCK, NAME, VALUE, ClassTable
from tests.widgets.conftest import ct

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def table(panel) -> ClassTable:
    return panel.findChild(ClassTable)


def click(table: ClassTable, row: int, column: int, qtbot, double: bool = False) -> None:
    table.scrollTo(table.classes.index(row, column))
    place = table.visualRect(table.classes.index(row, column)).center()
    qtbot.mouseClick(table.viewport(), LEFT, pos=place)
    if double:
        qtbot.mouseDClick(table.viewport(), LEFT, pos=place)


def rename(table: ClassTable, name: str, qtbot) -> None:
    editor = table.viewport().findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, name)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: table.state() != table.State.EditingState)  # Qt commits it a moment later


def test_the_active_class_is_selected(table, session):
    session.add_class("liver")
    session.set_active(2)
    assert table.currentIndex().row() == 1
    assert table.classes.index(1, NAME).data() == "liver"
    assert table.classes.index(1, VALUE).data() == "2"


def test_a_click_makes_a_class_active(table, session, qtbot):
    session.add_class("liver")
    click(table, 1, NAME, qtbot)
    assert session.active_class.name == "liver"


def test_arrow_keys_make_a_class_active(table, session, qtbot):
    session.add_class("liver")
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert session.active_class.name == "liver"


def test_a_name_is_edited_in_place(table, session, qtbot):
    click(table, 0, NAME, qtbot, double=True)
    rename(table, "Leber", qtbot)
    assert session.classes[0].name == "Leber"


def test_a_name_that_is_taken_is_refused_with_a_sentence(table, panel, session, qtbot):
    session.add_class("liver")
    click(table, 0, NAME, qtbot, double=True)
    with qtbot.waitSignal(panel.error_raised) as error:
        rename(table, "liver", qtbot)
    assert "liver" in error.args[0].message
    assert session.classes[0].name == "object 1"


def test_keys_of_the_editor_are_its_own(table, session, qtbot):
    click(table, 0, NAME, qtbot, double=True)
    rename(table, "cnx", qtbot)  # c would commit, n start a new instance, x delete
    assert [found.name for found in session.classes] == ["cnx"]


def test_a_click_locks_and_unlocks(table, session, qtbot):
    click(table, 0, LOCK, qtbot)
    assert session.classes[0].locked
    click(table, 0, LOCK, qtbot)
    assert not session.classes[0].locked


def test_space_locks(table, session, qtbot):
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert session.classes[0].locked


def test_the_colour_is_asked_for(table, session, qtbot, monkeypatch):
    from qtpy.QtGui import QColor
    from qtpy.QtWidgets import QColorDialog

    monkeypatch.setattr(QColorDialog, "getColor", lambda *args: QColor("#123456"))
    click(table, 0, COLOUR, qtbot)
    assert session.classes[0].colour == "#123456"


def test_adding_names_selects_and_edits(table, panel, session, qtbot, button):
    qtbot.mouseClick(button(panel, "Add class"), LEFT)
    assert session.active_class.name == "class 2"
    rename(table, "spleen", qtbot)
    assert session.active_class.name == "spleen"


def test_removing_takes_the_active_class(panel, session, qtbot, button):
    assert not button(panel, "Remove class").isEnabled()  # the only one
    session.add_class("liver")
    session.set_active(2)
    qtbot.mouseClick(button(panel, "Remove class"), LEFT)
    assert [found.value for found in session.classes] == [1]


def test_the_overlap_rule_is_chosen(panel, session):
    from qtpy.QtWidgets import QComboBox

    (rule,) = [box for box in panel.findChildren(QComboBox) if box.accessibleName() == "Overlap rule"]
    assert rule.currentText() == "Keep existing"
    rule.activated.emit(2)
    assert session.overlap_rule is OverlapRule.ASK


def test_many_classes_scroll(table, session):
    for number in range(2, 40):
        session.add_class(f"nucleus {number}")
    assert table.classes.rowCount() == 39
    assert table.sizeHint().height() < 160


def test_another_image_brings_its_own_classes(table, session):
    session.add_class("liver")
    session.open(ct())
    assert table.classes.rowCount() == len(session.classes) == 1
