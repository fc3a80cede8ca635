"""Views: every scale, the object in sight, image and targets on one grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from src_training.pictures import Beside, Picture
from src_training.views import cut, draw_beside, draw_view, stretched, turned, warped


def picture(rows: int = 90, columns: int = 120) -> Picture:
    """A grey picture with a bright square and a brighter disc; brightness tells the object."""
    image = np.full((rows, columns, 3), 40, np.uint8)
    objects = np.zeros((rows, columns), np.uint16)
    objects[20:40, 30:50] = 1
    y, x = np.mgrid[:rows, :columns]
    objects[np.hypot(y - 60, x - 90) < 12] = 2
    image[objects == 1], image[objects == 2] = 120, 220
    return Picture("made", "one", image, objects)


@pytest.mark.parametrize("seed", range(12))
def test_a_view_shows_its_object_where_its_target_says(seed):
    view = draw_view(picture(), np.random.default_rng(seed), 64, 32, 2)
    assert view.image.shape == (3, 64, 64) and 1 <= len(view.targets) <= 2
    small = torch.nn.functional.adaptive_avg_pool2d(view.image, 32)[0]
    sure = view.targets[0] > 0.99
    assert sure.any()
    levels = {round(float(small[sure].median()), -1)}
    assert levels <= {120.0, 220.0}


def test_objects_appear_small_and_large():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(60):
        target = draw_view(picture(), rng, 64, 32, 1).targets[0] > 0.5
        rows, columns = np.nonzero(target.numpy())
        shares.append((max(np.ptp(rows), np.ptp(columns)) + 1) / 32)
    assert min(shares) < 0.25 and max(shares) > 0.4  # no closer than 48 pixels of so small a picture


def moved(picture: Picture, down: int) -> Picture:
    """The picture with a neighbouring slice on which all objects lie lower."""
    there = np.roll(picture.objects, down, axis=0)
    return replace(picture, beside=(Beside(there, np.arange(picture.count + 1, dtype=np.uint16)),))


@pytest.mark.parametrize("seed", range(6))
def test_a_view_by_the_slice_beside_is_placed_where_the_object_was_and_shows_where_it_is(seed):
    view = draw_beside(moved(picture(), 4), np.random.default_rng(seed), 64, 32, 2)
    assert view is not None and view.beside is not None and view.beside.shape == view.targets.shape
    small = torch.nn.functional.adaptive_avg_pool2d(view.image, 32)[0]
    for target, beside in zip(view.targets, view.beside, strict=True):
        assert float(small[target > 0.99].min()) > 100  # here it is, bright
        here, there = (float(np.nonzero(part.numpy() > 0.5)[0].mean()) for part in (target, beside))
        assert there > here


@pytest.mark.parametrize("seed", range(12))
def test_a_picture_alone_is_given_a_neighbour_on_which_its_object_is_moved_a_little(seed):
    view = draw_beside(picture(), np.random.default_rng(seed), 64, 32, 2)
    assert view is not None and view.beside is not None
    assert len(view.targets) == len(view.beside) == 1  # what moves with it would move too far
    here, there = view.targets[0] > 0.5, view.beside[0] > 0.5
    shared = float((here & there).sum() / (here | there).sum())
    assert 0.4 < shared < 1


def test_an_object_that_left_the_view_is_not_asked_for():
    gone = replace(moved(picture(), 0), objects=np.zeros((90, 120), np.uint16))
    assert draw_beside(gone, np.random.default_rng(0), 64, 32, 2) is None


def test_what_lies_beyond_the_picture_is_padding():
    view = cut(picture(), (0, 0, 120), [1], 60, 30)
    assert view.inside[0, :44].min() == 1 and view.inside[0, 46:].max() == 0
    assert view.image[:, 46:].max() == 0
    assert float(view.targets.sum()) == pytest.approx(400 / 16, rel=0.01)  # 4 pixels a cell each way


def test_turning_turns_image_and_target_alike():
    view = cut(picture(), (0, 0, 90), [1], 90, 90)
    for seed in range(8):
        other = turned(view, np.random.default_rng(seed))
        bright = (other.image[0] - 120).abs() < 1
        assert torch.equal(bright, other.targets[0] > 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_a_model_that_does_not_zoom_sees_whole_pictures(seed):
    view = draw_view(picture(), np.random.default_rng(seed), 64, 32, 2, whole=True)
    whole = cut(picture(), (0, 0, 120), [1], 64, 32)
    assert torch.equal(view.image, whole.image) and torch.equal(view.inside, whole.inside)
    assert 1 <= len(view.targets) <= 2


def test_a_stretched_picture_is_square_and_its_objects_stay_in_place():
    wide = picture(90, 120)
    square = stretched(wide)
    assert square.image.shape == (120, 120, 3) and square.objects.shape == (120, 120)
    assert stretched(square) is square
    rows, columns = np.nonzero(square.objects == 1)
    assert (columns.min(), columns.max()) == (30, 49)
    assert abs(rows.min() - 20 * 120 / 90) <= 1 and abs(rows.max() + 1 - 40 * 120 / 90) <= 1
    assert (square.image[square.objects == 1][:, 0] > 100).mean() > 0.95


def test_warping_moves_image_and_targets_alike_and_leaves_most_in_sight():
    view = cut(picture(), (0, 0, 120), [1, 2], 96, 48)
    for seed in range(6):
        other = warped(view, np.random.default_rng(seed))
        assert other.image.shape == view.image.shape and other.targets.shape == view.targets.shape
        assert float((other.image - view.image).abs().mean()) > 1
        small = torch.nn.functional.adaptive_avg_pool2d(other.image, 48)[0]
        for target, grey in zip(other.targets, (120, 220), strict=True):
            assert int((target > 0.99).sum()) > 10
            assert float((small[target > 0.99] - grey).abs().median()) < 8
        assert 0.4 < float(other.inside.mean()) < 1
        again = warped(view, np.random.default_rng(seed))
        assert torch.equal(other.image, again.image)
