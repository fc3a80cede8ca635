from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.overlap import dice, iou
from napari_medkd.errors import GeometryMismatch


def mask(text):
    return np.array([[character == "#" for character in row] for row in text.split()])


def test_by_hand():
    """3 and 4 pixels, 2 of them shared: Dice 4 / 7, intersection over union 2 / 5."""
    one, other = mask("##. #.. ..."), mask("##. .#. ..#")
    assert dice(one, other) == pytest.approx(4 / 7)
    assert iou(one, other) == pytest.approx(2 / 5)


@pytest.mark.parametrize("measure", [dice, iou])
def test_extremes(measure):
    one, nothing = mask("##. ..."), mask("... ...")
    assert measure(one, one) == 1
    assert measure(nothing, nothing) == 1
    assert measure(one, nothing) == measure(nothing, one) == 0
    assert measure(one, mask("... .##")) == 0


def test_any_values_and_any_number_of_axes():
    labels = np.zeros((3, 4, 5), np.uint16)
    labels[1] = 7
    assert dice(labels, labels > 0) == 1
    assert iou(labels * 300, (labels > 0).astype(float)) == 1


def test_dice_and_iou_agree():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 9, 11)) < 0.5
    assert dice(one, other) == pytest.approx(2 * iou(one, other) / (1 + iou(one, other)))


def test_different_shapes_are_refused():
    with pytest.raises(GeometryMismatch, match=r"\(2, 3\) and \(3, 2\)"):
        dice(np.ones((2, 3)), np.ones((3, 2)))
