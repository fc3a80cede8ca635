"""From Qt's key events to the actions of `keys.KEYS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit

from napari_medkd.widgets.keys import KEYS

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QWidget

_FIELDS = (QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit, QTextEdit)
# Both Enter keys of a keyboard mean the same; Qt calls the large one Return.
_SAME = {"Return": "Enter", "Esc": "Escape"}


def action_of(event: QKeyEvent) -> str | None:
    """Return which action a key event asks for; None where it is none of ours."""
    pressed = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
    *modifiers, name = pressed.removeprefix("Num+").split("+") if pressed not in ("+", "") else [pressed]
    pressed = "+".join([*modifiers, _SAME.get(name, name)])
    return next((key.action for key in KEYS if pressed in key.keys), None)


def is_typing(panel: QWidget) -> bool:
    """Tell whether a field inside `panel` has the keyboard, whose Enter, Esc and letters are its own."""
    focused = QApplication.focusWidget()
    return isinstance(focused, _FIELDS) and panel.isAncestorOf(focused)
