from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medkd.core.prompts import Box
from src_training.evaluate import estimate, filled_box


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_the_interval_is_that_of_the_mean(generator):
    scores = np.random.default_rng(1).normal(0.8, 0.1, 400)
    found = estimate(scores, generator)
    half = 1.96 * scores.std() / math.sqrt(400)
    assert found.n == 400 and found.mean == pytest.approx(scores.mean())
    assert found.low == pytest.approx(found.mean - half, abs=0.002)
    assert found.high == pytest.approx(found.mean + half, abs=0.002)
    wider = estimate(scores, np.random.default_rng(0), level=0.99)
    assert wider.low < found.low and wider.high > found.high


def test_equal_scores_leave_no_doubt_and_no_scores_no_number(generator):
    assert str(estimate([0.5] * 3, generator)) == "0.500 (0.500 to 0.500, n = 3)"
    nothing = estimate([], generator)
    assert nothing.n == 0 and math.isnan(nothing.mean)


def test_a_filled_box_is_clipped_to_the_image():
    mask = filled_box(Box(-2, 3, 4, 99), (6, 8))
    assert mask.sum() == 5 * 5 and mask[:5, 3:].all()


def test_the_tight_box_of_a_rectangle_is_the_rectangle():
    truth = np.zeros((9, 9), bool)
    truth[2:5, 4:8] = True
    np.testing.assert_array_equal(filled_box(Box.around(truth), truth.shape), truth)
