from __future__ import annotations

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence

from napari_medkd.errors import UnknownName
from napari_medkd.widgets import KEYS, key_for, tooltip_for
from napari_medkd.widgets.key_events import action_of
from napari_medkd.widgets.key_sheet import KeySheet

PLAIN, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
SHIFT, PAD = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.KeypadModifier


def test_no_action_and_no_key_stands_twice():
    actions = [key.action for key in KEYS]
    combinations = [combination for key in KEYS for combination in key.keys]
    assert len(set(actions)) == len(actions)
    assert len(set(combinations)) == len(combinations)


@pytest.mark.parametrize("combination", [combination for key in KEYS for combination in key.keys])
def test_keys_are_written_as_qt_understands_them(combination):
    assert QKeySequence(combination).count() == 1
    assert QKeySequence(combination)[0].key() != Qt.Key.Key_unknown


def test_tooltips_say_what_happens_and_every_key():
    assert tooltip_for("discard") == "Drop the proposal and its prompts. (Esc or Backspace)"


def test_an_unknown_action_lists_the_known():
    with pytest.raises(UnknownName, match="commit_next"):
        key_for("comit")


@pytest.mark.parametrize(
    ("key", "modifiers", "action"),
    [
        (Qt.Key.Key_Return, PLAIN, "commit"),
        (Qt.Key.Key_Enter, PAD, "commit"),
        (Qt.Key.Key_C, PLAIN, "commit"),
        (Qt.Key.Key_Escape, PLAIN, "discard"),
        (Qt.Key.Key_Z, PLAIN, "tool_move"),
        (Qt.Key.Key_Z, CTRL, "undo"),
        (Qt.Key.Key_Z, CTRL | SHIFT, "redo"),
        (Qt.Key.Key_BracketRight, PLAIN, "next_candidate"),
        (Qt.Key.Key_X, SHIFT, "tool_delete"),
        (Qt.Key.Key_Plus, CTRL, None),
        (Qt.Key.Key_Q, CTRL, None),
    ],
)
def test_key_events_become_actions(key, modifiers, action, qapp):
    assert action_of(QKeyEvent(QEvent.Type.KeyPress, key, modifiers)) == action


def test_the_sheet_lists_every_key(qtbot):
    from qtpy.QtWidgets import QLabel

    sheet = KeySheet()
    qtbot.addWidget(sheet)
    shown = {label.text() for label in sheet.findChildren(QLabel)}
    for key in KEYS:
        assert " or ".join(key.labels) in shown
        assert key.title in shown
