from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.prompts import Box
from src_training.evaluation.baselines import filled_box, inscribed_ellipse


def test_a_filled_box_is_clipped_to_the_image():
    mask = filled_box(Box(-2, 3, 4, 99), (6, 8))
    assert mask.sum() == 5 * 5 and mask[:5, 3:].all()


def test_the_tight_box_of_a_rectangle_is_the_rectangle():
    truth = np.zeros((9, 9), bool)
    truth[2:5, 4:8] = True
    np.testing.assert_array_equal(filled_box(Box.around(truth), truth.shape), truth)


def test_an_ellipse_fills_its_share_of_the_box_and_touches_its_sides():
    mask = inscribed_ellipse(Box(10, 20, 69, 139), (100, 200))
    assert Box.around(mask) == Box(10, 20, 69, 139)
    assert mask.sum() / (60 * 120) == pytest.approx(np.pi / 4, abs=0.003)


def test_an_ellipse_at_the_edge_is_clipped():
    assert inscribed_ellipse(Box(0, 0, 0, 0), (3, 3)).sum() == 1
    assert not inscribed_ellipse(Box(-9, -9, -5, -5), (4, 4)).any()
