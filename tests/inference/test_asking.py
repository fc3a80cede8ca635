from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt, Stroke
from napari_medkd.core.volume import Volume
from napari_medkd.inference.asking import ask
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.inference.segmenter import Seen
from napari_medkd.models.card import Preprocessing, Target
from tests.batch.made import BrightRuntime, bright_card

PLANE = Plane(0, 0)
WHOLE = Frame((128, 96), Preprocessing(size=64))


def said(*points: tuple[float, float, bool], **more) -> Prompt:
    return Prompt(PLANE, tuple(Point(*one) for one in points), **more)


def tree() -> np.ndarray:
    """Log odds of a vessel along row 20 of 64 that fades after column 20, on clear ground."""
    logits = np.full((64, 64), -6, np.float32)
    logits[19:22, :48] = -1.5
    logits[19:22, :20] = 4
    return logits


class Counting(BrightRuntime):
    asked = 0

    def decode(self, *said):
        self.asked += 1
        return super().decode(*said)


def make(card) -> SamSegmenter:
    takes = {"capabilities": card.capabilities | {"point", "box", "mask"}}
    return SamSegmenter(card.model_copy(update=takes), Counting())


def test_a_tree_that_another_model_found_is_changed_where_the_click_is_and_no_network_is_asked():
    segmenter = make(bright_card())
    embedding = segmenter.embed(Volume.from_array(np.zeros((1, 128, 96), np.uint8)), PLANE)
    previous = Seen(tree(), WHOLE, "fundus", joined=True)
    painted = Edits.none((128, 96)).with_stroke(np.eye(128, 96) > 0, True)
    answer = ask(segmenter, embedding, said((40.5, 44, True), edits=painted), previous)
    assert segmenter.runtime.asked == 0 and answer.joined
    assert answer.masks[0][40, 44] and answer.masks[0][40, :38].all() and answer.masks[0][100 - 10, 90]
    assert answer.model_id == segmenter.card.id and 0 < answer.scores[0] <= 1
    again = ask(segmenter, embedding, said((40.5, 44, True), (40.5, 10, False)), answer.seen(0))
    assert not again.masks[0][40, 10] and again.masks[0][40, 44]
    moved = ask(segmenter, embedding, said((60, 60, True)), again.seen(0))
    assert moved.masks[0][60, 60] and moved.masks[0][40, 10] and not moved.masks[0][40, 44], "as it was found"
    assert moved.modality == "", "a model without kinds has no use for another's"
    boxed = ask(segmenter, embedding, said((60, 60, True), box=Box(10, 10, 60, 60)), moved.seen(0))
    assert segmenter.runtime.asked > 0 and not boxed.joined


@pytest.mark.parametrize("joined", [True, False])
def test_a_box_and_other_objects_go_to_the_network(joined):
    segmenter = make(bright_card())
    embedding = segmenter.embed(Volume.from_array(np.zeros((1, 128, 96), np.uint8)), PLANE)
    prompt = said((40, 44, True), box=Box(10, 10, 60, 60) if joined else None)
    answer = ask(segmenter, embedding, prompt, Seen(tree(), WHOLE, joined=joined))
    assert segmenter.runtime.asked > 0 and not answer.joined


def test_a_model_of_kinds_heeds_every_click():
    class Routed(Counting):
        def encode(self, image):
            return (*super().encode(image), np.zeros((1, 1), np.float32))

    card = bright_card(Target(name="lesion", modality="skin"))
    architecture = card.architecture.model_copy(update={"kinds": ("skin",), "masks": "one"})
    segmenter = make(card.model_copy(update={"architecture": architecture}))
    segmenter._runtime = Routed()
    picture = np.zeros((1, 64, 64), np.uint8)
    picture[0, 16:48, 16:48] = 255
    embedding = segmenter.embed(Volume.from_array(picture), PLANE)
    own = segmenter.propose(embedding)[0].seen(0)
    asked = segmenter.runtime.asked
    kept = ask(segmenter, embedding, said((4, 4, True)), own)
    assert segmenter.runtime.asked == asked and kept.masks[0][4, 4] and kept.masks[0][30, 30]
    assert kept.modality == "skin" and not kept.joined
    answer = ask(segmenter, embedding, said((30, 30, False), (4, 4, True)))
    assert segmenter.runtime.asked == asked + 1
    assert not answer.masks[0][30, 30] and answer.masks[0][4, 4] and answer.masks[0][18, 18]


@pytest.fixture
def bright():
    """A model that answers with all that is bright, whatever is clicked; its picture of a square."""
    segmenter = make(bright_card())
    picture = np.zeros((1, 64, 64), np.uint8)
    picture[0, 16:48, 16:48] = 255
    return segmenter, segmenter.embed(Volume.from_array(picture), PLANE)


def test_every_click_is_heeded_and_the_rest_stays(bright):
    segmenter, embedding = bright
    plain = segmenter.predict(embedding, said((30, 30, True)))
    assert np.array_equal(ask(segmenter, embedding, said((30, 30, True))).masks[0], plain.masks[0])
    answer = ask(segmenter, embedding, said((20, 20, False), (56, 56, True)))
    assert not answer.masks[0][20, 20] and answer.masks[0][56, 56] and answer.masks[0][44, 44]
    assert not answer.masks[0][4, 60]
    again = answer.frame.to_mask(answer.logits[0])
    assert np.array_equal(again, answer.masks[0]), "the next click goes on from what is seen"
    assert answer.scores == plain.scores


def test_nothing_stays_nothing_and_a_quick_answer_as_it_is(bright):
    segmenter, embedding = bright
    nothing = segmenter.embed(Volume.from_array(np.zeros((1, 64, 64), np.uint8)), PLANE)
    assert not ask(segmenter, nothing, said((30, 30, True))).masks[0].any()
    assert ask(segmenter, embedding, said((20, 20, False)), quick=True).masks[0][20, 20]


def test_strokes_are_hints_and_painted_pixels_stay(bright):
    segmenter, embedding = bright
    stroke = Stroke(((20.0, 20.0), (20.0, 30.0)), False)
    segmenter._card = segmenter.card.model_copy(
        update={"capabilities": segmenter.card.capabilities | {"scribble"}}
    )
    assert ask(segmenter, embedding, said(scribbles=(stroke,))).masks[0][20, 25]
    painted = Edits.none((64, 64)).with_stroke(np.eye(64) > 0, True)
    answer = ask(segmenter, embedding, said((40, 24, False), edits=painted))
    assert not answer.masks[0][40, 24] and answer.masks[0][60, 60]
