"""What waits for the answer's frame: done once, soon after it, and never dropped for want of one."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QObject

from napari_medkd.viewer.afterwards import Afterwards


@pytest.fixture
def later(qapp):
    parent = QObject()
    later = Afterwards(parent)
    yield later
    later.close()


def test_it_waits_for_the_answer_and_does_the_newest_thing_once(later, qtbot):
    done: list[str] = []
    later(lambda: done.append("first"))
    later(lambda: done.append("second"))
    qtbot.wait(5)
    assert done == []
    later.soon()
    qtbot.waitUntil(lambda: done != [], timeout=2000)
    later.soon()  # nothing waits any more
    qtbot.wait(60)
    assert done == ["second"]


def test_an_answer_that_never_comes_is_not_waited_for(later, qtbot):
    done: list[str] = []
    later(lambda: done.append("drawn"))
    qtbot.waitUntil(lambda: done == ["drawn"], timeout=5000)


def test_closed_it_does_nothing(later, qtbot):
    done: list[str] = []
    later(lambda: done.append("drawn"))
    later.soon()
    later.close()
    qtbot.wait(80)
    assert done == []


class Held:
    """Does nothing until told."""

    def __init__(self):
        self.action = None
        self.answered = 0

    def __call__(self, action):
        self.action = action

    def soon(self):
        self.answered += 1


class Band:
    """Remembers whether it shows anything."""

    shows = False

    def draw(self, path, colour, closed):
        self.shows = True

    def clear(self):
        self.shows = False


def test_the_band_shows_a_box_until_its_layer_does(desk, picture):
    held, band = Held(), Band()
    desk.workspace.later = held
    desk.tools.draw_on(band)
    desk.open(picture)
    desk.mouse().drag([(3, 8), (10, 15), (17, 22)])
    assert desk.mask.sum() == 100 and np.count_nonzero(desk.layer("proposal").data) == 100
    assert held.answered > 0
    assert band.shows and desk.layer("boxes").nshapes == 0
    held.action()
    assert not band.shows and desk.layer("boxes").nshapes == 1


def test_the_same_box_again_leaves_no_band(desk, picture):
    held, band = Held(), Band()
    desk.open(picture)
    desk.tools.draw_on(band)
    desk.mouse().drag([(3, 8), (10, 15), (17, 22)])
    desk.workspace.layers.prompts._later = held
    desk.mouse().drag([(3, 8), (12, 13), (17, 22)])
    assert held.action is None and not band.shows
