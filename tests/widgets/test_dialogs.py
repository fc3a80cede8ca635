"""The real dialogs, answered by clicks on their buttons."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox, QWidget

from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending
from napari_medkd.widgets.dialogs import Dialogs


@pytest.fixture
def parent(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    return parent


def answer(parent: QWidget, text: str | None, qtbot) -> None:
    """Click the button `text` of the next dialog, or press Esc."""

    def act() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(10, act)
        elif text is None:
            qtbot.keyClick(box, Qt.Key.Key_Escape)
        else:
            (button,) = [found for found in box.buttons() if found.text() == text]
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(0, act)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Commit it", Pending.COMMIT),
        ("Discard it", Pending.DISCARD),
        ("Keep working on it", Pending.KEEP),
        (None, Pending.KEEP),
    ],
)
def test_a_pending_proposal(parent, qtbot, text, expected):
    answer(parent, text, qtbot)
    assert Dialogs(parent).ask_pending("There is a proposal.") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Keep existing", OverlapRule.KEEP),
        ("Overwrite", OverlapRule.OVERWRITE),
        ("Cancel", None),
        (None, None),
    ],
)
def test_an_overlap(parent, qtbot, text, expected):
    answer(parent, text, qtbot)
    assert Dialogs(parent).ask_overlap(OverlapConflict(12, ("liver",))) is expected


@pytest.mark.parametrize(("text", "expected"), [("Resume", True), ("Start afresh", False), (None, False)])
def test_a_recovery(parent, qtbot, text, expected):
    answer(parent, text, qtbot)
    assert Dialogs(parent).ask_resume("3 objects") is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "expected"), [("Remove", True), ("Cancel", False), (None, False)])
def test_a_confirmation(parent, qtbot, text, expected):
    answer(parent, text, qtbot)
    assert Dialogs(parent).confirm("Remove", "Really?", "Remove") is expected
