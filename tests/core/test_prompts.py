from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt, Stroke
from napari_medkd.errors import InvalidPrompt

EMPTY = Prompt(Plane(0, 2))


def test_a_box_around_a_mask_is_tight():
    mask = np.zeros((9, 11), bool)
    mask[2:5, 3:8] = True
    assert Box.around(mask) == Box(2, 3, 4, 7)


def test_no_box_around_nothing():
    with pytest.raises(InvalidPrompt, match="empty mask"):
        Box.around(np.zeros((3, 3), bool))


@pytest.mark.parametrize("corners", [((1, 2), (5, 9)), ((5, 9), (1, 2)), ((1, 9), (5, 2))])
def test_a_box_does_not_mind_where_the_drag_began(corners):
    assert Box.between(*corners) == Box(1, 2, 5, 9)


def test_changing_a_prompt_gives_another():
    more = EMPTY.with_point(Point(1, 1)).with_box(Box(0, 0, 4, 4))
    assert EMPTY.is_empty and not more.is_empty
    assert more.kinds == {"point", "box"}
    assert more.with_box(None).kinds == {"point"}


def test_kinds_name_everything_that_was_said():
    stroke = Stroke(((0, 0), (1, 1)))
    prompt = Prompt(Plane(0, 0), scribbles=(stroke,), lasso=stroke, edits=Edits.none((3, 3)))
    assert prompt.kinds == {"scribble", "lasso", "mask"}


@pytest.mark.parametrize("point", [Point(-1, 3), Point(3, -0.6), Point(10, 3), Point(3, 20)])
def test_a_point_outside_is_refused(point):
    with pytest.raises(InvalidPrompt, match="outside the image"):
        EMPTY.with_point(point).check((10, 20))


def test_a_point_on_the_edge_of_the_last_pixel_is_inside():
    EMPTY.with_point(Point(-0.5, 19.5)).check((10, 20))


def test_a_box_may_reach_over_the_edge_but_not_miss_the_image():
    EMPTY.with_box(Box(-5, -5, 3, 3)).check((10, 20))
    with pytest.raises(InvalidPrompt, match="outside the image"):
        EMPTY.with_box(Box(-5, -5, -1, 3)).check((10, 20))


def test_a_box_without_area_is_refused():
    with pytest.raises(InvalidPrompt, match="smaller than two pixels"):
        EMPTY.with_box(Box(2, 2, 2.5, 8)).check((10, 20))


def test_the_newest_stroke_wins_and_the_old_edits_stay_as_they_were():
    where = np.zeros((3, 3), bool)
    where[1] = True
    none = Edits.none((3, 3))
    painted = none.with_stroke(where, painted=True)
    erased = painted.with_stroke(where[::-1].T, painted=False)
    mask = np.zeros((3, 3), bool)
    assert painted.apply(mask).sum() == 3
    assert erased.apply(mask).sum() == 2
    assert none == Edits.none((3, 3)) and painted != erased
