from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.overlap import dice
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.volumetric import Ended, Found, Reach, Rules, Why, interpolate, propagate
from tests.doubles import ThresholdSegmenter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SHAPE = (14, 40, 44)


def leaning(first: int = 2, last: int = 11) -> NDArray[np.uint8]:
    """A bright bar that leans by a pixel a slice."""
    data = np.zeros(SHAPE, np.uint8)
    for z in range(first, last + 1):
        data[z, 8 + z : 18 + z, 10:26] = 200
    return data


def volume(data: NDArray[np.uint8], spacing: tuple[float, float, float] = (3.0, 0.8, 0.8)) -> Volume:
    return Volume.from_array(data, geometry=Geometry.image(data.shape, spacing))


def masks(found: Iterable[Found | Ended]) -> dict[int, NDArray[np.bool_]]:
    return {one.plane.index: one.mask for one in found if isinstance(one, Found)}


def follow(data, start, axis=0, segmenter=None, **options):
    image = volume(data)
    truth = np.moveaxis(data > 0, axis, 0)
    anchors = {index: truth[index] for index in start}
    return list(propagate(image, segmenter or ThresholdSegmenter(), axis, anchors, **options))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_object_is_followed_along_any_axis_and_nowhere_else(axis):
    data = leaning()
    truth = np.moveaxis(data > 0, axis, 0)
    held = np.flatnonzero(truth.any(axis=(1, 2)))
    middle = int(held[len(held) // 2])
    found = masks(follow(data, [middle], axis, rules=Rules.none()))
    assert sorted([*found, middle]) == held.tolist()
    assert min(dice(found[index], truth[index]) for index in found) > 0.9


def test_a_model_that_was_taught_to_is_shown_where_the_object_is_taken_to_be():
    asked = {}
    for handed in (False, True):
        segmenter = ThresholdSegmenter()
        architecture = segmenter.card.architecture.model_copy(update={"handed": handed})
        segmenter.card = segmenter.card.model_copy(update={"architecture": architecture})
        follow(leaning(), [6], segmenter=segmenter)
        asked[handed] = segmenter
    assert set(asked[False].previous) == {None}
    for prompt, seen in zip(asked[True].asked, asked[True].previous, strict=True):
        truth = leaning()[prompt.plane.index] > 0
        assert dice(seen.frame.to_mask(seen.logits), truth) > 0.7 or not truth.any()


def test_each_way_ends_with_a_reason_and_the_last_slice():
    ends = [one for one in follow(leaning(), [6]) if isinstance(one, Ended)]
    assert {(one.step, one.plane.index, one.why) for one in ends} == {
        (1, 11, Why.VANISHED),
        (-1, 2, Why.VANISHED),
    }


def test_a_gap_is_jumped_where_the_rules_say_so():
    data = leaning()
    data[8] = 0
    assert 9 in masks(follow(data, [6], rules=Rules(vanished=2)))
    assert 9 not in masks(follow(data, [6], rules=Rules(vanished=1)))


def test_a_jump_of_the_area_ends_the_walk_before_it():
    data = leaning()
    data[9, 2:38, 2:42] = 200  # leaks into everything, so the model answers with its whole box
    stopped = follow(data, [6], segmenter=Leaking(), rules=Rules(jump=1.5, jump_mm2=20, likeness=0))
    assert (8, Why.JUMPED) in {(one.plane.index, one.why) for one in stopped if isinstance(one, Ended)}


class Leaking(ThresholdSegmenter):
    """Answers with everything that is bright, whatever the box."""

    def predict(self, embedding, prompt, previous=None, *, quick=False):
        whole = np.ones_like(embedding.features, bool)
        answer = super().predict(embedding, prompt, previous, quick=quick)
        mask = embedding.features >= self.threshold if embedding.plane.index == 9 else answer.masks[0]
        return type(answer)(prompt, (mask & whole,), (0.9,), answer.logits[:1], "x", answer.frame)


def test_a_low_score_and_an_unlike_look_end_the_walk():
    ends = follow(leaning(), [6], rules=Rules(score=0.95))
    assert {one.why for one in ends if isinstance(one, Ended)} == {Why.UNSURE}
    data = leaning()
    data[9:12][data[9:12] > 0] = 140  # still bright enough for the model, but another tissue
    ends = follow(data, [6], rules=Rules(likeness=0.6))
    assert (8, Why.FADED) in {(one.plane.index, one.why) for one in ends if isinstance(one, Ended)}


def test_between_two_slices_both_sides_meet_and_nothing_is_missing():
    data = leaning()
    found = masks(follow(data, [3, 10], reach=Reach(3, 10)))
    assert sorted(found) == [4, 5, 6, 7, 8, 9]
    assert min(dice(found[index], data[index] > 0) for index in found) > 0.8


def test_where_the_model_finds_nothing_between_two_slices_the_shapes_stand_in():
    data = leaning()
    blind = ThresholdSegmenter(threshold=250)
    found = [
        one for one in follow(data, [4, 8], segmenter=blind, reach=Reach(4, 8)) if isinstance(one, Found)
    ]
    last = {one.plane.index: one for one in found}
    assert sorted(last) == [5, 6, 7]
    assert all(one.mask.any() and one.confidence < 0.1 for one in last.values())


def test_slices_come_one_by_one_and_the_next_is_not_begun_before_it_is_asked_for():
    segmenter = ThresholdSegmenter()
    data = leaning()
    walk = propagate(volume(data), segmenter, 0, {6: data[6] > 0})
    assert next(walk).plane.index in (5, 7) and len(segmenter.asked) == 1


def test_shapes_between_drawn_slices_need_no_model():
    data = leaning()
    found = masks(interpolate(volume(data), 0, {3: data[3] > 0, 9: data[9] > 0}))
    assert sorted(found) == [4, 5, 6, 7, 8]
    assert dice(found[6], data[6] > 0) > 0.85


def test_nothing_to_follow_is_a_sentence():
    data = leaning()
    with pytest.raises(InvalidPrompt, match="no object to follow"):
        propagate(volume(data), ThresholdSegmenter(), 0, {})
    with pytest.raises(InvalidPrompt, match="no object to follow"):
        propagate(volume(data), ThresholdSegmenter(), 0, {0: data[0] > 0})
