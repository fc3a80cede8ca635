from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.session.counting import Counting
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker
from napari_medkd.widgets.measure_box import MeasureBox
from napari_medkd.widgets.segment_panel import SegmentPanel
from napari_medkd.widgets.volume_box import VolumeBox
from tests.doubles import ManualWorker, ThresholdSegmenter
from tests.standing_still import stand_still

PROMPT = Prompt(Plane(0, 4), box=Box(4, 4, 20, 24))


@pytest.fixture(autouse=True)
def still(monkeypatch):
    stand_still(monkeypatch)


def volume() -> Volume:
    data = np.zeros((10, 28, 32), np.uint8)
    data[2:8, 6:18, 8:22] = 200
    return Volume.from_array(data, geometry=Geometry.image(data.shape, (5.0, 1.0, 1.0)))


def ready(worker) -> Session:
    session = Session(worker)
    session.set_segmenter(ThresholdSegmenter())
    session.open(volume())
    session.set_plane(Plane(0, 4))
    return session


@pytest.fixture
def session():
    return ready(SyncWorker())


def test_shift_p_follows_and_the_strip_and_the_sentence_say_where(session, qtbot):
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    box = panel.findChild(VolumeBox)
    assert "Mark an object" in box._text.text()
    session.set_prompt(PROMPT)
    panel.perform("propagate")
    assert "Slices 2 to 7" in box._text.text() and "nothing of it was found" in box._text.text()
    assert "confidence" in box.strip.sentence(3) and "prompted" in box.strip.sentence(4)
    assert "not part" in box.strip.sentence(9)
    panel.perform("accept_slice")  # the slice on the screen was prompted: nothing to do
    session.set_plane(Plane(0, 6))
    panel.perform("accept_slice")
    assert session.sections[6].is_given
    panel.perform("interpolate")
    assert session.sections[5].score is None


def test_ends_here_takes_back_what_lies_beyond_and_holds_for_this_object_alone(session, qtbot):
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    box = panel.findChild(VolumeBox)
    session.set_prompt(PROMPT)
    panel.perform("propagate")
    assert not box._ends.isEnabled()  # the prompted slice
    session.set_plane(Plane(0, 6))
    assert box._ends.isEnabled()
    panel.perform("end_here")
    assert max(session.sections) == 6 and box.reach.last == 6
    panel.perform("propagate")
    assert max(session.sections) == 6
    session.discard()
    assert box.reach.last == box._last.maximum()


def test_a_click_in_the_strip_asks_for_the_slice(session, qtbot):
    box = VolumeBox(session)
    qtbot.addWidget(box)
    box.resize(320, 300)
    box.show()
    session.set_prompt(PROMPT)
    with qtbot.waitSignal(box.plane_requested) as asked:
        qtbot.mouseClick(
            box.strip, Qt.MouseButton.LeftButton, pos=QPoint(round(box.strip.width() * 0.75), 10)
        )
    assert asked.args == [Plane(0, 7)]


def test_range_direction_and_rule_are_given_on(session, qtbot):
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    box = panel.findChild(VolumeBox)
    box._first.setValue(3)
    box._last.setValue(5)
    box._direction.setCurrentText("Upwards")
    session.set_prompt(PROMPT)
    panel.perform("propagate")
    assert sorted(session.sections) == [4, 5]


def test_slices_have_the_numbers_of_the_viewers_slider(session, qtbot):
    session.counting = Counting(frozenset({0}))  # slice 4 of the file is the slider's 5
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    box = panel.findChild(VolumeBox)
    box._first.setValue(3)
    box._direction.setCurrentText("Downwards")
    session.set_prompt(PROMPT)
    panel.perform("propagate")
    assert sorted(session.sections) == [4, 5, 6] and "Slices 3 to 5" in box._text.text()
    assert "prompted" in box.strip.sentence(5) and "confidence" in box.strip.sentence(3)
    session.set_plane(Plane(0, 6))
    panel.perform("end_here")
    assert (box._first.value(), box._last.value()) == (3, 9)
    with qtbot.waitSignal(box.plane_requested) as asked:
        box.strip.slice_clicked.emit(3)
    assert asked.args == [Plane(0, 6)]


def test_the_button_stops_what_runs(qtbot):
    worker = ManualWorker()
    session = ready(worker)
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    box = panel.findChild(VolumeBox)
    session.set_prompt(PROMPT)
    worker.run_all()
    panel.perform("propagate")
    assert box._propagate.text() == "Stop" and session.is_propagating
    panel.perform("propagate")
    assert box._propagate.text() == "Propagate" and not session.is_propagating


def test_nothing_to_follow_is_said_in_the_panel(session, qtbot):
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.error_raised) as said:
        panel.perform("propagate")
    assert "no object" in str(said.args[0])


def test_pictures_have_no_volume_box(qtbot):
    session = Session(SyncWorker())
    box = VolumeBox(session)
    qtbot.addWidget(box)
    session.open(Volume.from_array(np.zeros((20, 20), np.uint8)))
    assert box.isHidden()
    session.open(volume())
    assert not box.isHidden()


def test_measures_of_the_object_and_of_its_class(session, qtbot):
    box = MeasureBox(session)
    qtbot.addWidget(box)
    assert "Nothing to measure" in box.text
    session.set_prompt(PROMPT)
    session.propagate()
    assert "Object: 5.0" in box.text and "ml" in box.text and "mean 200" in box.text
    session.commit()
    assert box.text.startswith("Object 1 in all: 5.0")
