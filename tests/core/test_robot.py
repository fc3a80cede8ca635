from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.prompts import Box, Point
from napari_medkd.core.robot import first_box, first_point, next_click, noisy_click
from napari_medkd.errors import InvalidPrompt


@pytest.fixture
def truth():
    """A 7 by 9 block whose deepest pixels are row 8, columns 8 to 10."""
    truth = np.zeros((21, 27), bool)
    truth[5:12, 5:14] = True
    return truth


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_the_first_click_goes_to_the_heart(truth):
    assert next_click(truth, np.zeros_like(truth)) == Point(8, 8)
    assert first_point(truth) == Point(8, 8)


def test_clicked_pixels_are_not_clicked_again(truth):
    clicks = []
    for _ in range(4):
        clicks.append(next_click(truth, np.zeros_like(truth), clicks))
    assert clicks[:3] == [Point(8, 8), Point(8, 9), Point(8, 10)]
    assert clicks[3] == Point(7, 7)  # depth 3, first in reading order


def test_too_much_is_clicked_away_where_it_is_deeper(truth):
    mask = truth.copy()
    mask[14:21, 14:27] = True  # 7 by 13 too much, depth 4 in the middle row
    mask[5:8, 5:14] = False  # 3 by 9 missing, depth 2
    assert next_click(truth, mask) == Point(17, 17, positive=False)
    mask[14:21, 14:27] = False
    assert next_click(truth, mask) == Point(6, 6, positive=True)


def test_of_equal_depth_too_much_goes_first(truth):
    mask = np.roll(truth, 12, axis=1)  # same block beside it: as much missing as too much
    assert next_click(truth, mask) == Point(8, 20, positive=False)


def test_the_edge_of_the_slice_counts_as_an_edge():
    """A strip along the border is deepest in its middle, not at the border."""
    truth = np.zeros((9, 9), bool)
    truth[:5] = True
    assert next_click(truth, np.zeros_like(truth)) == Point(2, 2)


def test_nothing_wrong_is_no_click(truth, rng):
    assert next_click(truth, truth) is None
    assert noisy_click(truth, truth, rng) is None
    one = np.zeros_like(truth)
    one[4, 4] = True
    assert next_click(one, np.zeros_like(one), [Point(4, 4)]) is None


def test_clicking_heals(truth):
    """Filling a disc of the click's depth at each click ends at the truth."""
    mask, clicks = np.zeros_like(truth), []
    for _ in range(200):
        click = next_click(truth, mask, clicks)
        if click is None:
            break
        clicks.append(click)
        mask[int(click.row), int(click.column)] = click.positive
    assert np.array_equal(mask, truth)


def test_noisy_clicks_stay_in_the_error_and_differ(truth, rng):
    clicks = [noisy_click(truth, np.zeros_like(truth), rng) for _ in range(100)]
    assert all(click.positive and truth[int(click.row), int(click.column)] for click in clicks)
    assert len(set(clicks)) > 10


def test_noisy_clicks_find_the_same_error(truth, rng):
    mask = truth.copy()
    mask[14:21, 14:27] = True
    mask[0, 0] = True  # a second, smaller part of the same kind
    for _ in range(50):
        click = noisy_click(truth, mask, rng)
        assert not click.positive and click.row >= 14


def test_chance_is_the_generators_alone(truth):
    twice = []
    for _ in range(2):
        rng = np.random.default_rng(11)
        twice.append([noisy_click(truth, ~truth, rng), first_point(truth, rng), first_box(truth, rng)])
    assert twice[0] == twice[1]


def test_first_points_are_anywhere_in_the_mask(truth, rng):
    points = {first_point(truth, rng) for _ in range(400)}
    assert all(point.positive and truth[int(point.row), int(point.column)] for point in points)
    assert len(points) > 50  # of 63


def test_an_exact_box(truth):
    assert first_box(truth) == Box(5, 5, 11, 13)


def test_jittered_boxes_are_off_by_a_tenth(rng):
    truth = np.zeros((400, 400), bool)
    truth[150:250, 100:300] = True
    boxes = [first_box(truth, rng) for _ in range(2000)]
    off = np.array([[box.top - 150, box.left - 100, box.bottom - 249, box.right - 299] for box in boxes])
    assert np.abs(off).max() <= 20
    assert np.abs(off.mean(axis=0)).max() < 1
    # Rows are off by 10 pixels; columns would be by 20, but no edge is off by more than 20: 20 times the
    # standard deviation of a normal variable clipped to ±1, which is 0.718.
    assert off.std(axis=0) == pytest.approx([10 * 0.959, 20 * 0.718, 10 * 0.959, 20 * 0.718], rel=0.05)


def test_boxes_are_off_by_no_more_than_asked(rng):
    truth = np.zeros((400, 400), bool)
    truth[150:250, 100:300] = True
    boxes = [first_box(truth, rng, most=3) for _ in range(200)]
    off = np.array([[box.top - 150, box.left - 100, box.bottom - 249, box.right - 299] for box in boxes])
    assert np.abs(off).max() == 3


@pytest.mark.parametrize("shape", [(2, 2), (5, 3), (40, 40)])
def test_jittered_boxes_make_valid_prompts(shape, rng):
    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt

    truth = np.zeros(shape, bool)
    truth[shape[0] // 2, shape[1] // 2] = True
    for _ in range(100):
        box = first_box(truth, rng)
        Prompt(Plane(0, 0), box=box).check(shape)
        assert box.top >= 0 and box.left >= 0
        assert box.bottom <= shape[0] - 1 and box.right <= shape[1] - 1


@pytest.mark.parametrize("ask", [first_box, first_point])
@pytest.mark.parametrize("seed", [None, 0])
def test_an_empty_mask_is_a_sentence(ask, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    with pytest.raises(InvalidPrompt, match="empty mask"):
        ask(np.zeros((4, 4), bool), rng)
