from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt, Stroke
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.prompting import check_prompt, to_tokens
from napari_medkd.inference.segmenter import Seen
from napari_medkd.models.card import Preprocessing
from napari_medkd.models.litemedsam import CARD as LITEMEDSAM

PLANE = Plane(0, 0)
FRAME = Frame((100, 200), Preprocessing(size=400))
SIDE = 100


def tokens(prompt, previous=None, with_mask=True):
    seen = Seen(previous, FRAME) if previous is not None else None
    return to_tokens(prompt, FRAME, SIDE, seen, with_mask)


def test_a_point_is_followed_by_padding():
    found = tokens(Prompt(PLANE, points=(Point(10, 20), Point(30, 40, positive=False))))
    np.testing.assert_allclose(found.coordinates, [[[40, 20], [80, 60], [0, 0]]])
    np.testing.assert_array_equal(found.labels, [[1, 0, -1]])
    assert found.mask is None and not found.is_unclear


def test_a_box_is_two_corners_clipped_to_the_image_and_needs_no_padding():
    found = tokens(Prompt(PLANE, box=Box(-5, 10, 50, 260)))
    np.testing.assert_allclose(found.coordinates, [[[20, 0], [398, 100]]])
    np.testing.assert_array_equal(found.labels, [[2, 3]])


def test_only_a_lone_point_is_unclear():
    lone = Prompt(PLANE, points=(Point(1, 1),))
    assert tokens(lone).is_unclear
    assert not tokens(lone.with_box(Box(0, 0, 5, 5))).is_unclear
    assert not tokens(lone, previous=np.zeros((SIDE, SIDE), np.float32)).is_unclear


@pytest.mark.parametrize("positive", [True, False])
def test_scribbles_become_at_most_eight_points_on_their_path(positive):
    path = tuple((50.0, float(column)) for column in range(20, 181))
    strokes = (
        Stroke(path, positive),
        Stroke(((5.0, 5.0), (5.0, 25.0)), positive),
        Stroke(((9.0, 9.0),), positive),
    )
    found = tokens(Prompt(PLANE, scribbles=strokes))
    sampled, labels = found.coordinates[0][:-1], found.labels[0][:-1]
    assert len(sampled) <= 8
    assert set(labels) == {1.0 if positive else 0.0}
    rows = set(np.round(sampled[:, 1] / 2, 3))
    assert rows == {50, 5, 9}  # every stroke is heard
    long = np.sort(sampled[sampled[:, 1] == 100, 0] / 2)
    np.testing.assert_allclose(np.diff(long), np.diff(long)[0], atol=1e-3)


def test_a_lasso_is_the_box_around_it_and_a_mask_where_the_model_takes_one():
    lasso = Stroke(((10.0, 20.0), (10.0, 60.0), (50.0, 60.0), (50.0, 20.0)))
    found = tokens(Prompt(PLANE, lasso=lasso))
    np.testing.assert_allclose(found.coordinates, [[[40, 20], [120, 100]]])
    assert found.mask.shape == (1, 1, SIDE, SIDE)
    assert found.mask[0, 0, 12, 20] > 0 > found.mask[0, 0, 40, 20]
    assert tokens(Prompt(PLANE, lasso=lasso), with_mask=False).mask is None


def test_painting_pushes_the_previous_logits_to_certainty_and_leaves_the_rest():
    previous = np.full((SIDE, SIDE), 0.5, np.float32)
    edits = (
        Edits.none((100, 200)).with_stroke(np.s_[10:30, 20:40], True).with_stroke(np.s_[60:80, 20:40], False)
    )
    mask = tokens(Prompt(PLANE, box=Box(0, 0, 99, 99), edits=edits), previous).mask[0, 0]
    assert mask[10, 15] > 5 and mask[35, 15] < -5
    assert mask[50, 50] == 0.5


def test_without_painting_the_previous_logits_go_back_as_they_are():
    previous = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float32)
    found = tokens(Prompt(PLANE, points=(Point(1, 1),)), previous)
    np.testing.assert_array_equal(found.mask[0, 0], previous)
    assert tokens(Prompt(PLANE, points=(Point(1, 1),)), previous, with_mask=False).mask is None


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (Prompt(PLANE, points=(Point(5, 5),)), "does not understand points; it takes boxes"),
        (Prompt(PLANE, box=Box(1, 1, 9, 9), points=(Point(5, 5),)), "does not understand points"),
        (
            Prompt(PLANE, scribbles=(Stroke(((5.0, 5.0),)),), lasso=Stroke(((1.0, 1.0),))),
            "lassos and scribbles",
        ),
        (Prompt(PLANE, edits=Edits.none((100, 200))), "does not understand painting"),
        (Prompt(PLANE), "Nothing was marked"),
        (Prompt(PLANE, points=(Point(500, 5),)), "outside the image"),
    ],
)
def test_what_a_box_model_cannot_answer_is_said_in_a_sentence(prompt, words):
    with pytest.raises(InvalidPrompt, match=words) as caught:
        check_prompt(prompt, (100, 200), LITEMEDSAM)
    assert caught.value.hint


def test_painting_beside_a_box_needs_no_capability():
    check_prompt(Prompt(PLANE, box=Box(1, 1, 9, 9), edits=Edits.none((100, 200))), (100, 200), LITEMEDSAM)
