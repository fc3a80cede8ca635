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


# --- looking closer ---


class DiscRuntime:
    """Encodes the brightness of each pixel of its view; answers with the bright ones, whatever was asked."""

    name = "discs"

    def __init__(self):
        self.encoded, self.decoded = 0, []

    def encode(self, image):
        self.encoded += 1
        return image[0, 0].reshape(32, 2, 32, 2).mean((1, 3)) - 1, np.zeros(1, np.float32)

    def decode(self, features, coordinates, labels, mask):
        self.decoded.append((coordinates, labels, mask))
        logits = np.repeat(features[0][np.newaxis], 4, axis=0)
        return np.ascontiguousarray(logits), np.array([0.5, 0.9, 0.6, 0.7], np.float32)

    def close(self):
        pass


def discs(*places, shape=(500, 640)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape, np.uint8)
    for row, column, radius in places:
        image[np.hypot(rows - row, columns - column) <= radius] = 255
    return Volume.from_array(image[np.newaxis])


@pytest.fixture
def closer(make_card):
    """A segmenter that zooms; its logits have 8 cells a cell of the embedding, its mask prompt 4."""
    card = make_card()
    architecture = card.architecture.model_copy(update={"zoom": True, "logits_per_cell": 8})
    return SamSegmenter(card.model_copy(update={"architecture": architecture}), DiscRuntime())


SMALL = (200, 300, 30)
ON_SMALL = Prompt(PLANE, points=(Point(200, 300),))


def overlap(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def test_a_small_object_is_answered_from_a_crop_around_it(closer):
    volume = discs(SMALL)
    embedding = closer.embed(volume, PLANE)
    found = closer.predict(embedding, ON_SMALL)
    crop = found.frame.view
    assert crop.shape[0] == crop.shape[1] and 64 <= crop.shape[0] <= 200
    assert len(found.masks) == 3 and found.masks[0].shape == (500, 640)
    truth = volume.data[0] > 0
    assert overlap(found.masks[0], truth) > 0.93
    whole = closer.predict(embedding, ON_SMALL, quick=False)
    assert whole.frame.view == crop and closer._runtime.encoded == 2  # the crop was kept


def test_what_is_still_tiny_in_its_crop_is_looked_at_from_closer_once_more(closer):
    volume = discs((200, 300, 12))
    found = closer.predict(closer.embed(volume, PLANE), ON_SMALL)
    assert found.frame.view.shape == (64, 64) and closer._runtime.encoded == 3
    assert overlap(found.masks[0], volume.data[0] > 0) > 0.9


def test_a_large_object_is_answered_from_the_whole_slice_at_once(closer):
    embedding = closer.embed(discs((250, 300, 200)), PLANE)
    found = closer.predict(embedding, Prompt(PLANE, points=(Point(250, 300),)))
    assert found.frame == embedding.frame
    assert closer._runtime.encoded == 1 and len(closer._runtime.decoded) == 1


def test_a_box_is_looked_at_without_a_first_look(closer):
    embedding = closer.embed(discs(SMALL), PLANE)
    found = closer.predict(embedding, Prompt(PLANE, box=Box(168, 268, 232, 332)))
    assert found.frame.view.shape == (130, 130)
    assert len(closer._runtime.decoded) == 1
    (corners, labels, _) = closer._runtime.decoded[0]
    assert labels.tolist() == [[2, 3]] and corners.min() > 10 and corners.max() < 54  # the middle half


def test_a_correction_stays_in_its_crop_and_gives_the_answer_back(closer):
    embedding = closer.embed(discs(SMALL), PLANE)
    first = closer.predict(embedding, ON_SMALL)
    corrected = ON_SMALL.with_point(Point(200, 335, positive=False)).with_point(Point(10, 10, positive=False))
    second = closer.predict(embedding, corrected, first.seen(0))
    assert second.frame == first.frame and closer._runtime.encoded == 2
    _, labels, mask = closer._runtime.decoded[-1]
    assert labels.tolist() == [[1, 0, -1]]  # what is out of sight was left out
    np.testing.assert_allclose(mask[0, 0], first.logits[0].reshape(16, 2, 16, 2).mean((1, 3)), rtol=1e-5)


def test_a_point_outside_the_crop_is_looked_at_from_further_away(closer):
    embedding = closer.embed(discs(SMALL, (200, 420, 15)), PLANE)
    first = closer.predict(embedding, Prompt(PLANE, box=Box(168, 268, 232, 332)))
    second = closer.predict(embedding, ON_SMALL.with_point(Point(200, 420)), first.seen(0))
    assert second.masks[0][200, 300] and second.masks[0][200, 420]
    assert second.frame.view.contains(np.array([[200.0, 300], [200, 420]])).all()


def test_an_object_that_reaches_out_of_its_crop_is_looked_at_again(closer):
    volume = discs((200, 300, 60))
    embedding = closer.embed(volume, PLANE)
    first = closer.predict(embedding, Prompt(PLANE, box=Box(190, 290, 210, 310)))
    second = closer.predict(embedding, ON_SMALL, first.seen(0))
    assert overlap(second.masks[0], volume.data[0] > 0) > 0.9


def test_a_preview_encodes_nothing_and_uses_a_crop_that_is_there(closer):
    embedding = closer.embed(discs(SMALL), PLANE)
    assert closer.predict(embedding, ON_SMALL, quick=True).frame == embedding.frame
    assert closer.predict(embedding, Prompt(PLANE, box=Box(168, 268, 232, 332)), quick=True).frame == (
        embedding.frame
    )
    assert closer._runtime.encoded == 1
    crop = closer.predict(embedding, ON_SMALL).frame
    assert closer.predict(embedding, ON_SMALL, quick=True).frame == crop
    assert closer._runtime.encoded == 2


def test_a_slice_keeps_a_few_crops_and_counts_them(closer):
    places = [(60 + 120 * row, 60 + 130 * column, 12) for row in range(3) for column in range(4)]
    embedding = closer.embed(discs(*places), PLANE)
    one = sum(feature.nbytes for feature in embedding.features)
    assert embedding.nbytes == 5 * one + 500 * 640  # grey: one channel is kept
    for row, column, radius in places:
        near, far = (row - radius, column - radius), (row + radius, column + radius)
        closer.predict(embedding, Prompt(PLANE, box=Box.between(near, far)))
    assert closer._runtime.encoded == 1 + len(places)
    assert len(embedding.views.crops()) == 4


def test_crops_of_a_coloured_slice_are_seen_in_colour(closer):
    image = np.zeros((1, 300, 300, 3), np.uint8)
    image[0, 100:120, 100:120, 1] = 200
    embedding = closer.embed(Volume.from_array(image), PLANE)
    np.testing.assert_array_equal(embedding.views.image, image[0])


@pytest.fixture
def mirroring(closer):
    """The same, and lone outlines are answered from the mirror image too."""
    architecture = closer.card.architecture.model_copy(update={"mirror": True})
    return SamSegmenter(closer.card.model_copy(update={"architecture": architecture}), DiscRuntime())


def test_a_lone_box_is_answered_from_its_mirror_image_too_and_once_more(mirroring, closer):
    volume, box = (
        discs((200, 290, 20)),
        Prompt(PLANE, box=Box(168, 268, 232, 332)),
    )  # left of the box's middle
    embedding = mirroring.embed(volume, PLANE)
    found = mirroring.predict(embedding, box)
    plain = closer.predict(closer.embed(volume, PLANE), box)
    np.testing.assert_array_equal(found.masks[0], plain.masks[0])  # what the mirror shows was turned back
    (corners, _, mask), (turned, labels, _), *once_more = mirroring._runtime.decoded
    np.testing.assert_allclose(turned[0, :, 0], 63 - corners[0, ::-1, 0])
    np.testing.assert_allclose(turned[0, :, 1], corners[0, :, 1])
    assert labels.tolist() == [[2, 3]] and mask is None
    np.testing.assert_allclose(once_more[1][2], once_more[0][2][..., ::-1])
    assert mirroring._runtime.encoded == 3
    mirroring.predict(embedding, box)
    assert mirroring._runtime.encoded == 3  # the mirror image is kept


def test_a_point_beside_the_box_and_a_preview_do_without_the_mirror(mirroring):
    embedding = mirroring.embed(discs(SMALL), PLANE)
    box = Prompt(PLANE, box=Box(168, 268, 232, 332))
    mirroring.predict(embedding, box, quick=True)
    mirroring.predict(embedding, box.with_point(Point(200, 300)))
    assert len(mirroring._runtime.decoded) == 2
