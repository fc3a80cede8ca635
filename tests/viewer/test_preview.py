"""The hover preview: one question at a time, off where answers are slow."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.session.session import Session
from napari_medkd.session.worker import Kind
from napari_medkd.viewer.preview import Preview
from tests.doubles import ManualWorker, ThresholdSegmenter

PLANE = Plane(0, 0)


class Slow:
    """A session whose model answers when told, in the time that is told."""

    def __init__(self, monkeypatch):
        self.time = 0.0
        self.took = 0.01
        self.worker = ManualWorker()
        self.session = Session(self.worker)
        self.preview = Preview(self.session, lambda: self.time)
        self.said: list[tuple[bool, str]] = []
        self.preview.switched.connect(lambda on, why: self.said.append((on, why)))
        monkeypatch.setattr(Session, "decode_seconds", property(lambda _: self.took))
        self.session.open(Volume.from_array(np.full((20, 30), 200, np.uint8)))
        self.session.set_segmenter(ThresholdSegmenter())
        self.session.set_plane(PLANE)
        self.worker.run_all()

    def asked(self) -> list:
        return [prompt.points[0].column for prompt in self.session.segmenter.asked if prompt.points]


@pytest.fixture
def slow(monkeypatch) -> Slow:
    return Slow(monkeypatch)


def test_the_newest_place_is_asked_when_the_answer_is_there(slow):
    for column in (1, 2, 3, 4):
        slow.preview.hover(PLANE, 5, column)
    assert slow.worker.run() is Kind.PREVIEW
    assert slow.session.preview.prompt.points[0].column == 1  # shown, though newer places were passed
    slow.worker.run()
    assert slow.asked() == [1, 4]
    assert slow.session.preview.prompt.points[0].column == 4


def test_an_answer_that_never_came_is_not_waited_for(slow):
    slow.preview.hover(PLANE, 5, 1)
    slow.worker.start()
    slow.time = 2.0
    slow.preview.hover(PLANE, 5, 2)
    slow.worker.run()
    assert slow.session.preview.prompt.points[0].column == 2


def test_slow_answers_switch_it_off_and_say_so(slow):
    slow.took = 0.09
    for column in (1, 2, 3):
        assert slow.preview.enabled
        slow.preview.hover(PLANE, 5, column)
        slow.worker.run()
    assert not slow.preview.enabled
    ((on, why),) = slow.said
    assert not on and "90 ms" in why
    slow.preview.hover(PLANE, 5, 4)
    assert slow.asked() == [1, 2, 3] and slow.session.preview is None
    slow.preview.toggle()
    slow.preview.hover(PLANE, 5, 5)
    slow.worker.run()
    assert slow.asked()[-1] == 5


def test_one_slow_answer_is_forgiven(slow):
    for column, took in enumerate((0.09, 0.09, 0.01, 0.09, 0.09)):
        slow.took = took
        slow.preview.hover(PLANE, 5, column)
        slow.worker.run()
    assert slow.preview.enabled


def test_switched_off_by_the_user_it_shows_nothing(slow):
    slow.preview.hover(PLANE, 5, 1)
    slow.worker.run()
    slow.preview.toggle()
    assert slow.session.preview is None and slow.said == [(False, "")]


def test_with_something_said_already_it_is_quiet(slow):
    slow.session.set_prompt(Prompt(PLANE, box=Box(2, 2, 9, 9)))
    slow.worker.run_all()
    slow.preview.hover(PLANE, 5, 1)
    assert slow.asked() == []


def test_a_dragged_box_gives_up_later_than_hovering(slow):
    slow.took = 0.2
    for right in range(5, 12):
        slow.preview.drag(Prompt(PLANE, box=Box(2, 2, 9, right)))
        slow.worker.run()
    assert slow.session.preview.prompt.box.right == 11
    slow.took = 0.5
    for right in range(5, 12):
        slow.preview.drag(Prompt(PLANE, box=Box(2, 2, 9, right)))
        slow.worker.run_all()
    assert slow.session.preview is None
    assert slow.preview.enabled  # hovering has its own limit
