from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medkd.core.surface import SurfaceScores, surface, surface_scores
from napari_medkd.errors import GeometryMismatch


def square(top, left, side, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_equal_masks_have_one_border():
    assert surface_scores(square(3, 4, 6), square(3, 4, 6), 0) == SurfaceScores(0.0, 1.0)


def test_two_pixels_apart_by_hand():
    """Single pixels three rows and four columns apart: every distance is 5."""
    one, other = square(2, 2, 1), square(5, 6, 1)
    assert surface_scores(one, other, 4.9) == SurfaceScores(5.0, 0.0)
    assert surface_scores(one, other, 5.0) == SurfaceScores(5.0, 1.0)


def test_a_shifted_square_by_hand():
    """A 5×5 square shifted by two columns, against all distances between border pixels."""
    one, other = square(4, 4, 5), square(4, 6, 5)
    first, second = np.argwhere(surface(one)), np.argwhere(surface(other))
    gaps = np.linalg.norm(first[:, None] - second[None], axis=-1)
    there, back = gaps.min(axis=1), gaps.min(axis=0)
    found = surface_scores(one, other, 1)
    assert found.hd95 == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95))) == 2.0
    assert found.nsd == ((there <= 1).sum() + (back <= 1).sum()) / 32


def test_the_border_of_the_image_is_outside():
    assert surface(np.ones((4, 5), bool)).sum() == 14
    assert surface(square(2, 2, 3)).sum() == 8


def test_one_far_pixel_is_not_the_95th_percentile():
    truth = square(2, 2, 12)
    mask = truth.copy()
    mask[19, 29] = True
    assert surface_scores(mask, truth, 0).hd95 == 0.0


def test_spacing_turns_pixels_into_millimetres():
    one, other = square(2, 2, 1), square(5, 6, 1)
    found = surface_scores(one, other, 2, spacing=(2.0, 0.5))
    assert found.hd95 == pytest.approx(math.hypot(3 * 2.0, 4 * 0.5))


@pytest.mark.parametrize(("mask", "truth"), [(square(2, 2, 3), None), (None, square(2, 2, 3))])
def test_a_missing_mask_costs_the_diagonal(mask, truth):
    empty = np.zeros((20, 30), bool)
    mask, truth = (empty if each is None else each for each in (mask, truth))
    assert surface_scores(mask, truth, 2) == SurfaceScores(math.hypot(20, 30), 0.0)
    assert surface_scores(mask, truth, 2, (2, 1)).hd95 == math.hypot(40, 30)
    assert surface_scores(empty, empty, 2) == SurfaceScores(0.0, 1.0)


def test_volumes_are_measured_alike_and_order_does_not_matter():
    rng = np.random.default_rng(3)
    one, other = rng.random((2, 6, 7, 8)) > 0.6
    assert surface_scores(one, other, 1, (3, 1, 1)) == surface_scores(other, one, 1, (3, 1, 1))
    first, second = (np.argwhere(surface(each)) * (3, 1, 1) for each in (one, other))
    gaps = np.linalg.norm(first[:, None] - second[None], axis=-1)
    expected = max(np.percentile(gaps.min(axis=1), 95), np.percentile(gaps.min(axis=0), 95))
    assert surface_scores(one, other, 1, (3, 1, 1)).hd95 == pytest.approx(expected)


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(GeometryMismatch):
        surface_scores(np.zeros((3, 4)), np.zeros((4, 3)), 1)
