from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.widgets.window_control import WindowControl


@pytest.fixture
def control(session, qtbot):
    control = WindowControl(session)
    qtbot.addWidget(control)
    control.show()
    return control


def test_the_guess_is_shown(control):
    assert control._preset.currentText() == "Soft tissue (guessed)"
    assert (control._low.text(), control._high.text()) == ("-160", "240")
    assert control._slider.value() == (-160, 240)


def test_a_preset_is_taken(control, session):
    control._preset.textActivated.emit("Lung")
    assert (session.volume.window.low, session.volume.window.high) == (-1350, 150)
    assert control._preset.currentText() == "Lung"
    assert control._low.text() == "-1350"


def test_a_number_is_entered(control, session, qtbot):
    control._high.setFocus()
    control._high.selectAll()
    qtbot.keyClicks(control._high, "300")
    assert control.focusWidget() is control._high
    qtbot.keyClick(control._high, Qt.Key.Key_Return)
    assert session.volume.window == Window(-160, 300, "Custom")
    qtbot.waitUntil(lambda: control.focusWidget() is not control._high)  # the next key is the viewer's
    assert control._preset.currentText() == "Custom"


def test_going_back_to_a_preset_takes_custom_away(control, session):
    session.set_window(Window(0, 100))
    assert control._preset.findText("Custom") >= 0
    control._preset.textActivated.emit("Soft tissue (guessed)")
    assert control._preset.findText("Custom") < 0


def test_arrow_keys_step_a_number(control, session, qtbot):
    qtbot.keyClick(control._low, Qt.Key.Key_Up)
    assert session.volume.window.low == -159


@pytest.mark.parametrize("typed", ["", "abc", "-160"])
def test_leaving_a_field_without_another_number_changes_nothing(control, session, qtbot, typed):
    seen = []
    session.volume_changed.connect(seen.append)
    control._low.selectAll()
    qtbot.keyClicks(control._low, typed) if typed else control._low.clear()
    qtbot.keyClick(control._low, Qt.Key.Key_Return)
    assert session.volume.window.low == -160
    assert control._low.text() == "-160"
    assert not seen


def test_white_stays_above_black(control, session, qtbot):
    control._low.selectAll()
    qtbot.keyClicks(control._low, "500")
    qtbot.keyClick(control._low, Qt.Key.Key_Return)
    assert session.volume.window.high > session.volume.window.low == 500


def test_dragging_shows_at_once_and_encodes_once(control, session, qtbot):
    dragged = []
    control.dragged.connect(lambda low, high: dragged.append((low, high)))
    encoded = len(session.segmenter.embedded)
    control._slider.setSliderDown(True)
    for low in (-150, -120, -100):
        control._slider.setValue((low, 240))
    assert dragged == [(-150, 240), (-120, 240), (-100, 240)]
    assert session.volume.window.low == -160
    control._slider.setSliderDown(False)
    assert session.volume.window.low == -100
    assert len(session.segmenter.embedded) == encoded + 1


def test_scrolling_past_changes_nothing(control, session, qapp):
    for widget in (control._preset, control._slider):
        where = QPointF(widget.rect().center())
        wheel = QWheelEvent(
            where, QPointF(widget.mapToGlobal(widget.rect().center())), QPoint(0, 0), QPoint(0, -120),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, wheel)
        assert wheel.type() == QEvent.Type.Wheel
    assert session.volume.window.name == "Soft tissue"


def test_small_values_have_enough_decimals(control, session):
    data = np.linspace(0.001, 0.004, 300, dtype=np.float32).reshape(1, 15, 20)
    session.open(Volume.from_array(data, modality="MR"))
    assert control._preset.currentText() == "0.5–99.5 % (guessed)"
    assert float(control._low.text()) == pytest.approx(session.volume.window.low, abs=1e-5)


def test_colour_pictures_have_no_window(control, session):
    session.open(Volume.from_array(np.zeros((20, 30, 3), np.uint8)))
    assert not control.isVisible()
