"""Every public widget is built and destroyed, and a session that goes on speaking reaches nobody dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QLabel, QWidget

from napari_medkd.session.state import Pending
from napari_medkd.settings import Settings
from napari_medkd.widgets import MedkdPanel, ModelsPanel, SegmentPanel
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.class_table import ClassTable
from napari_medkd.widgets.image_box import ImageBox
from napari_medkd.widgets.key_sheet import KeySheet
from napari_medkd.widgets.model_box import ModelBox
from napari_medkd.widgets.proposal_box import ProposalBox
from napari_medkd.widgets.result_box import ResultBox
from napari_medkd.widgets.state_line import StateLine
from napari_medkd.widgets.toolbox import Toolbox
from tests.widgets.conftest import INSIDE, ct
from tests.widgets.test_models_panel import Shelf

if TYPE_CHECKING:
    from pathlib import Path

SHOWING_A_SESSION = [SegmentPanel, StateLine, ImageBox, ModelBox, Toolbox, ProposalBox, ClassTable, ResultBox]


def destroy(widget: QWidget) -> None:
    widget.deleteLater()
    QApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete.value)


def live_through_everything(session) -> None:
    session.set_prompt(INSIDE)
    session.commit_and_next()
    session.undo()
    session.notified.emit("a sentence")
    session.set_segmenter(None)
    session.open(ct(), pending=Pending.DISCARD)
    session.close()


@pytest.mark.parametrize("kind", SHOWING_A_SESSION)
def test_a_destroyed_widget_is_left_in_peace(kind, session, qapp):
    ({name: len(getattr(session, name)) for name in type(session)._psygnal_signals} if False else None)
    widget = kind(session)
    widget.show()
    destroy(widget)
    live_through_everything(session)


@pytest.mark.parametrize("kind", SHOWING_A_SESSION)
def test_a_widget_lives_through_everything(kind, session, qtbot):
    widget = kind(session)
    qtbot.addWidget(widget)
    widget.show()
    live_through_everything(session)


def whole(session, tmp_path: Path) -> MedkdPanel:
    models = ModelsPanel(Shelf(), Settings(), {"Models": tmp_path})
    return MedkdPanel(SegmentPanel(session), models)


def test_the_whole_panel_is_built_and_destroyed(session, tmp_path, qapp):
    panel = whole(session, tmp_path)
    panel.show()
    panel.show_keys()
    destroy(panel)
    live_through_everything(session)


def test_the_key_sheet_is_built_and_destroyed(qapp):
    sheet = KeySheet()
    sheet.show()
    destroy(sheet)


def test_the_panel_is_narrow_and_asks_for_no_more(session, tmp_path, qtbot):
    panel = whole(session, tmp_path)
    qtbot.addWidget(panel)
    assert panel.sizeHint().width() <= 340
    assert panel.minimumSizeHint().width() <= 310


def test_nothing_is_wider_than_the_narrowest_panel(session, tmp_path, qtbot):
    """A section whose minimum is wider than the scroll area shows would be cut off at its right edge."""
    panel = whole(session, tmp_path)
    qtbot.addWidget(panel)
    panel.setFixedWidth(300)
    panel.show()
    session.set_prompt(INSIDE)
    for page in (panel.segment, panel.models):
        from qtpy.QtWidgets import QScrollArea

        (area,) = [child for child in page.findChildren(QScrollArea) if type(child).__name__ == "_Scroll"]
        bar = area.verticalScrollBar().sizeHint().width()
        assert area.widget().minimumSizeHint().width() <= 300 - bar


def test_every_control_says_what_it_does_and_can_be_reached_by_keyboard(session, tmp_path, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit

    panel = whole(session, tmp_path)
    qtbot.addWidget(panel)
    controls = [
        child
        for kind in (PanelButton, QComboBox, QLineEdit, QAbstractSpinBox, QAbstractSlider, QAbstractItemView)
        for child in panel.findChildren(kind)
        if "qt_" not in child.objectName()  # parts of compound controls
        and not isinstance(child.parent(), QAbstractSpinBox | QComboBox)
        and type(child).__name__ not in ("QScrollBar", "QListView", "QComboBoxListView", "QHeaderView")
        and "Private" not in type(child.parent()).__name__
    ]
    assert len(controls) > 30
    for control in controls:
        name = control.accessibleName()
        assert name, control
        assert control.toolTip() or isinstance(control, QAbstractItemView), name
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, name


def test_the_question_mark_shows_the_keys(session, tmp_path, qtbot, button):
    from qtpy.QtCore import Qt

    panel = whole(session, tmp_path)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.mouseClick(button(panel, "Keys"), Qt.MouseButton.LeftButton)
    (sheet,) = panel.findChildren(KeySheet)
    assert sheet.isVisible()
    assert any(label.text() == "Hover preview" for label in sheet.findChildren(QLabel))


def test_without_a_model_the_panel_leads_to_the_models(session, tmp_path, qtbot, button):
    from qtpy.QtCore import Qt

    panel = whole(session, tmp_path)
    qtbot.addWidget(panel)
    panel.show()
    session.set_segmenter(None)
    qtbot.mouseClick(button(panel, "Choose a model"), Qt.MouseButton.LeftButton)
    assert panel.models.isVisible() and not panel.segment.isVisible()
    panel.show_tab("Segment")
    assert panel.segment.isVisible()
