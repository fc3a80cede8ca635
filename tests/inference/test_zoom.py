from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt, Stroke
from napari_medkd.inference.zoom import Crop, Extent, at_hand, choose, fits, marked, wanted

PLANE = Plane(0, 0)
SHAPE = (1000, 1200)
WHOLE = Crop(0, 0, 1000, 1200)


def test_an_object_takes_half_of_its_crop_and_stands_in_its_middle():
    crop = choose(Extent(300, 400, 399, 459), SHAPE)
    assert crop.shape == (200, 200)
    assert crop == Crop(250, 330, 450, 530)


def test_an_object_at_a_corner_is_seen_from_inside_the_slice():
    assert choose(Extent(0, 0, 99, 99), SHAPE) == Crop(0, 0, 200, 200)
    assert choose(Extent(950, 1150, 999, 1199), SHAPE) == Crop(900, 1100, 1000, 1200)


def test_nothing_is_looked_at_from_closer_than_64_pixels():
    assert choose(Extent(500, 500, 502, 502), SHAPE).shape == (64, 64)
    assert choose(Extent(20, 20, 22, 22), (60, 50)) == Crop(0, 0, 60, 50)


def test_a_slice_narrower_than_the_crop_is_seen_across_its_whole_width():
    crop = choose(Extent(100, 5, 200, 20), (37, 900)[::-1])
    assert crop.left == 0 and crop.right == 37 and crop.shape[0] == 202


@pytest.mark.parametrize(("side", "closer"), [(470, True), (490, False), (1100, False)])
def test_an_object_that_fills_two_fifths_is_seen_well_in_the_whole_slice(side, closer):
    assert (choose(Extent(10, 10, 10 + side - 1, 10), (1200, 1200)) != Crop.whole((1200, 1200))) is closer


@pytest.mark.parametrize("shape", [(1, 1), (37, 91), (512, 4), (767, 1023)])
def test_a_crop_holds_the_object_and_never_leaves_the_slice(shape):
    rng = np.random.default_rng(0)
    for _ in range(50):
        rows, columns = (np.sort(rng.integers(0, size, 2)) for size in shape)
        extent = Extent(rows[0], columns[0], rows[1], columns[1])
        crop = choose(extent, shape)
        assert 0 <= crop.top <= extent.top and extent.bottom < crop.bottom <= shape[0]
        assert 0 <= crop.left <= extent.left and extent.right < crop.right <= shape[1]


def test_a_correction_keeps_the_crop_while_the_object_is_seen_well_in_it():
    now = choose(Extent(300, 300, 399, 399), SHAPE)
    for grown in (Extent(280, 300, 399, 399), Extent(300, 300, 340, 360), Extent(300, 300, 430, 435)):
        assert choose(grown, SHAPE, now) == now
    assert choose(Extent(252, 300, 399, 399), SHAPE, now) != now  # at its edge
    assert choose(Extent(340, 340, 350, 350), SHAPE, now).shape == (64, 64)  # far too small in it
    assert choose(Extent(0, 0, 600, 600), SHAPE, now) == WHOLE


def test_the_edge_of_the_slice_is_no_edge_of_the_object():
    now = Crop(0, 0, 200, 200)
    assert fits(Extent(0, 0, 99, 99), now, SHAPE)
    assert not fits(Extent(100, 100, 199, 199), now, SHAPE)
    assert fits(Extent(100, 100, 199, 199), now, (200, 200))


def test_an_object_that_was_large_enough_stays_so_a_little_longer():
    extent = Extent(0, 0, 419, 419)  # 35 %
    assert choose(extent, SHAPE) != WHOLE
    assert choose(extent, SHAPE, WHOLE) == WHOLE
    assert choose(Extent(0, 0, 300, 300), SHAPE, WHOLE) != WHOLE


def test_without_a_place_the_view_stays():
    assert choose(None, SHAPE) == WHOLE
    assert choose(None, SHAPE, Crop(0, 0, 64, 64)) == Crop(0, 0, 64, 64)


def test_what_is_marked_is_what_was_said_to_be_inside():
    prompt = Prompt(
        PLANE,
        points=(Point(10, 20), Point(900, 900, positive=False)),
        scribbles=(Stroke(((30.0, 5.0), (35.0, 6.0))), Stroke(((800.0, 1.0),), positive=False)),
    )
    assert marked(prompt) == Extent(10, 5, 35, 20)
    assert marked(prompt.with_box(Box(2, 3, 50, 60))) == Extent(2, 3, 50, 60)
    assert marked(Prompt(PLANE, points=(Point(1, 1, positive=False),))) is None


def test_a_box_says_more_than_what_was_found():
    found = Extent(0, 0, 900, 900)
    assert wanted(Prompt(PLANE, box=Box(-5, 10, 40, 50)), found, SHAPE) == Extent(0, 10, 40, 50)
    lasso = Prompt(PLANE, lasso=Stroke(((1.0, 2.0), (9.0, 4.0))))
    assert wanted(lasso, found, SHAPE) == Extent(1, 2, 9, 4)


def test_a_click_wants_what_was_found_and_itself():
    click = Prompt(PLANE, points=(Point(10, 20),))
    assert wanted(click, Extent(30, 30, 60, 50), SHAPE) == Extent(10, 20, 60, 50)
    assert wanted(click, None, SHAPE) == Extent(0, 0, 84.5, 94.5)  # an eighth of the slice, where it is
    assert wanted(Prompt(PLANE, points=(Point(1, 1, False),)), None, SHAPE) is None


def test_specks_do_not_count_for_where_an_object_ends():
    mask = np.zeros((100, 100), bool)
    mask[20:40, 30:60] = True
    mask[90, 90] = True
    assert Extent.of_mask(mask) == Extent(20, 30, 39, 59)
    mask[70:80, 10:20] = True
    assert Extent.of_mask(mask) == Extent(20, 10, 79, 59)
    assert Extent.of_mask(np.zeros((4, 4), bool)) is None


def test_in_passing_only_a_crop_at_hand_that_shows_the_object_is_used():
    extent = Extent(300, 300, 399, 399)
    near, far = Crop(260, 270, 480, 490), Crop(0, 0, 200, 200)
    assert at_hand(extent, SHAPE, [far, near]) == near
    assert at_hand(extent, SHAPE, [far]) == WHOLE
    assert at_hand(Extent(0, 0, 900, 900), SHAPE, [near]) == WHOLE
    assert at_hand(None, SHAPE, [near]) == WHOLE
