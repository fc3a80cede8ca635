from __future__ import annotations

import math

import numpy as np
import pytest

from src_training.evaluation.statistics import estimate


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_the_interval_is_that_of_the_mean(generator):
    scores = np.random.default_rng(1).normal(0.8, 0.1, 400)
    found = estimate(scores, generator)
    half = 1.96 * scores.std() / math.sqrt(400)
    assert found.n == found.cases == 400 and found.mean == pytest.approx(scores.mean())
    assert found.median == pytest.approx(np.median(scores))
    assert found.low == pytest.approx(found.mean - half, abs=0.002)
    assert found.high == pytest.approx(found.mean + half, abs=0.002)
    wider = estimate(scores, np.random.default_rng(0), level=0.99)
    assert wider.low < found.low and wider.high > found.high


def test_equal_scores_leave_no_doubt_and_no_scores_no_number(generator):
    assert str(estimate([0.5] * 3, generator)) == "0.500 (0.500 to 0.500, n = 3)"
    nothing = estimate([], generator)
    assert nothing.n == 0 and math.isnan(nothing.mean) and math.isnan(nothing.median)


def test_objects_of_one_case_are_drawn_together(generator):
    """Ten equal objects of one image say no more about other images than one does."""
    once = np.random.default_rng(1).normal(0.8, 0.1, 40)
    many = np.repeat(once, 10)
    cases = np.repeat(np.arange(40), 10).tolist()
    alone = estimate(once, np.random.default_rng(0))
    together = estimate(many, np.random.default_rng(0), cases=cases)
    assert (together.n, together.cases) == (400, 40)
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))


def test_a_mean_over_objects_weighs_each_object(generator):
    found = estimate([1.0, 1.0, 1.0, 0.0], generator, cases=["a", "a", "a", "b"])
    assert (found.mean, found.median, found.cases) == (0.75, 1.0, 2)
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_single_case_has_no_interval(generator):
    found = estimate([0.2, 0.4], generator, cases=["a", "a"])
    assert found.mean == pytest.approx(0.3) and math.isnan(found.low) and math.isnan(found.high)
