from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.sam_segmenter import SamSegmenter, stability
from napari_medkd.inference.segmenter import Seen

PLANE = Plane(0, 0)
CLICK = Prompt(PLANE, points=(Point(20, 30),))


class RecordingRuntime:
    """Answers with four squares of growing size; remembers what it was asked."""

    name = "recorded"

    def __init__(self):
        self.asked = []
        self.closed = False

    def encode(self, image):
        return (image[:, :1, ::16, ::16].copy(),)

    def decode(self, features, coordinates, labels, mask):
        self.asked.append((coordinates, labels, mask))
        logits = np.full((4, 16, 16), -4, np.float32)
        for index in range(4):
            logits[index, 2 : 5 + index, 2 : 5 + index] = 4
        return logits, np.array([0.2, 0.3, 1.7, 0.5], np.float32)

    def close(self):
        self.closed = True


@pytest.fixture
def volume():
    return Volume.from_array(np.random.default_rng(0).integers(0, 255, (3, 40, 60), dtype=np.uint8))


@pytest.fixture
def runtime():
    return RecordingRuntime()


@pytest.fixture
def segmenter(make_card, runtime):
    return SamSegmenter(make_card(), runtime)


def test_a_lone_point_gets_three_candidates_best_first(segmenter, volume):
    found = segmenter.predict(segmenter.embed(volume, PLANE), CLICK)
    assert found.scores == pytest.approx((1.0, 0.5, 0.3))  # clipped to 1
    assert [mask.shape for mask in found.masks] == [(40, 60)] * 3
    sizes = [int(mask.sum()) for mask in found.masks]
    assert sizes[1] > sizes[0] > sizes[2]
    assert (found.logits[0] > 0).sum() == 25
    assert found.model_id == "tiny" and found.prompt is CLICK


def test_a_clear_prompt_gets_the_one_mask_made_for_it(segmenter, volume):
    found = segmenter.predict(segmenter.embed(volume, PLANE), CLICK.with_box(Box(1, 1, 30, 30)))
    assert len(found.masks) == len(found.scores) == len(found.logits) == 1
    assert (found.logits[0] > 0).sum() == 9


def test_a_model_of_candidates_gives_them_to_a_clear_prompt_too(make_card, runtime, volume):
    segmenter = SamSegmenter(make_card(masks="candidates"), runtime)
    found = segmenter.predict(segmenter.embed(volume, PLANE), CLICK.with_box(Box(1, 1, 30, 30)))
    assert found.scores == pytest.approx((1.0, 0.5, 0.3))


def test_candidates_can_be_ranked_by_their_stability(make_card, runtime, volume):
    card = make_card()
    card = card.model_copy(
        update={"architecture": card.architecture.model_copy(update={"scores": "stability"})}
    )
    segmenter = SamSegmenter(card, runtime)
    found = segmenter.predict(segmenter.embed(volume, PLANE), CLICK)
    assert found.scores == (1.0, 1.0, 1.0)  # the squares have sharp edges
    assert [(logits > 0).sum() for logits in found.logits] == [16, 25, 36]


def test_stability_is_the_overlap_of_a_strict_and_a_lenient_mask():
    logits = np.array([[[2, 2], [0, -2]], [[2, 0], [0, 0]], [[-9, -9], [-9, -9]]], np.float32)
    assert stability(logits) == pytest.approx([2 / 3, 1 / 4, 0])


def test_painted_pixels_are_in_every_candidate(segmenter, volume):
    edits = Edits.none((40, 60)).with_stroke(np.s_[35:40, 50:60], True).with_stroke(np.s_[0:40, 0:8], False)
    found = segmenter.predict(segmenter.embed(volume, PLANE), replace(CLICK, edits=edits))
    for mask in found.masks:
        assert mask[35:40, 50:60].all() and not mask[:, :8].any()


def test_the_mask_goes_back_to_models_that_take_it_only(make_card, runtime, volume):
    for capabilities, expected in (("point mask", True), ("point", False)):
        segmenter = SamSegmenter(make_card(capabilities=capabilities), runtime)
        embedding = segmenter.embed(volume, PLANE)
        segmenter.predict(embedding, CLICK, Seen(np.ones((16, 16), np.float32), embedding.frame))
        assert (runtime.asked[-1][2] is not None) is expected


def test_the_key_names_image_window_slice_and_model(segmenter, make_card, runtime, volume):
    def key(volume=volume, plane=PLANE, segmenter=segmenter):
        return segmenter.embed(volume, plane).key

    other = SamSegmenter(make_card(id="other"), runtime)
    keys = {
        key(),
        key(plane=Plane(0, 1)),
        key(plane=Plane(1, 0)),
        key(volume.with_window(Window(0, 100))),
        key(segmenter=other),
    }
    assert len(keys) == 5
    assert key() in keys


def test_an_embedding_knows_its_size_and_frame(segmenter, volume):
    embedding = segmenter.embed(volume, Plane(1, 5))
    assert embedding.frame.shape == (3, 60)
    assert embedding.nbytes == embedding.features[0].nbytes > 0


def test_a_prompt_outside_is_refused_before_the_network_is_asked(segmenter, runtime, volume):
    with pytest.raises(InvalidPrompt, match="outside"):
        segmenter.predict(segmenter.embed(volume, PLANE), Prompt(PLANE, points=(Point(99, 5),)))
    assert not runtime.asked


def test_close_closes_the_runtime(segmenter, runtime):
    segmenter.close()
    assert runtime.closed
