from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Point, Prompt, Stroke
from napari_medkd.inference.nudging import nudged
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.zoom import Crop
from napari_medkd.models.card import Preprocessing

PLANE = Plane(0, 0)
SEEN = Preprocessing(size=64)
WHOLE = Frame((128, 96), SEEN)


def said(*points: tuple[float, float, bool], strokes=()) -> Prompt:
    return Prompt(PLANE, tuple(Point(*one) for one in points), scribbles=tuple(strokes))


def tree() -> np.ndarray:
    """Log odds of a vessel along row 20 of 64 that fades after column 20, on clear ground."""
    logits = np.full((64, 64), -6, np.float32)
    logits[19:22, :48] = -1.5
    logits[19:22, :20] = 4
    return logits


@pytest.mark.parametrize("frame", [WHOLE, Frame((300, 400), SEEN, Crop(20, 40, 148, 136))])
def test_a_click_takes_what_was_nearly_found_along_and_nothing_else(frame):
    top, left = frame.view.top, frame.view.left
    before, after = tree(), nudged(tree(), frame, said((top + 40.5, left + 44, True)))
    mask, was = (frame.to_mask(logits)[frame.view.pixels] for logits in (after, before))
    assert mask[40, 44] and not was[40, 44]
    assert np.array_equal(mask & was, was), "nothing is lost"
    rows, columns = np.nonzero(mask & ~was)
    assert rows.min() >= 37 and rows.max() <= 43, "the ground beside it stays out"
    assert np.ptp(columns) > np.ptp(rows) and abs(columns - 44).max() <= 12
    assert abs(after - before)[:, :8].max() < 0.01, "far away all stays"


def test_a_click_takes_away_only_what_is_near():
    mask = WHOLE.to_mask(nudged(tree(), WHOLE, said((40.5, 30, False))))
    assert not mask[40, 30] and mask[40, 2:14].all()


def test_clicks_that_are_heeded_change_nothing():
    assert np.array_equal(nudged(tree(), WHOLE, said((40, 10, True), (90, 50, False))), tree())


def test_a_stroke_is_heeded_all_along_and_a_later_click_undoes_no_earlier_one():
    stroke = Stroke(((90.0, 10.0), (90.0, 80.0)), True)
    mask = WHOLE.to_mask(nudged(tree(), WHOLE, said((90, 84, False), strokes=[stroke])))
    assert mask[90, 12:78].mean() > 0.9 and not mask[90, 84]
    close = nudged(tree(), WHOLE, said((60, 50, True), (62, 52, False)))
    assert WHOLE.to_mask(close)[60, 50] and not WHOLE.to_mask(close)[62, 52]


def test_a_click_beside_another_takes_back_no_more_than_what_is_near_it():
    first = (40.5, 50, True)
    before, after = (
        WHOLE.to_mask(nudged(tree(), WHOLE, said(first, *more))) for more in ((), ((40.5, 60, False),))
    )
    rows, columns = np.nonzero(before != after)
    assert not after[40, 60] and after[40, 50]
    assert np.hypot(rows - 40.5, columns - 60).max() < 10 and (after & ~WHOLE.to_mask(tree())).any()
    assert np.array_equal(before[:, :50], after[:, :50])


def test_of_a_thick_object_a_click_takes_more():
    disc = np.full((64, 64), -4, np.float32)
    disc[8:40, 8:40] = 4
    frame = Frame((64, 64), SEEN)
    thick, thin = (nudged(one, frame, said((50, 24, True))) for one in (disc, np.minimum(disc, -4)))
    assert (thick[44:] > 0).sum() > 4 * (thin[44:] > 0).sum() > 0


def test_a_click_outside_the_view_says_nothing_about_it():
    frame = Frame((300, 400), SEEN, Crop(20, 40, 148, 136))
    assert np.array_equal(nudged(tree(), frame, said((200, 300, True))), tree())
