from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Edits, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.automatic import at_threshold, expected_overlap, log_odds, together
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target

PLANE = Plane(0, 1)
TARGETS = (
    Target(name="lesion", modality="dermoscopy"),
    Target(name="vessel", modality="fundus", threshold=0.9),
    Target(name="hair"),
)


class Fixed:
    """A runtime that gives three maps whatever it sees: sure, unsure, nothing."""

    name = "fixed"

    def __init__(self):
        self.asked = []

    def encode(self, image):
        return (np.zeros((1, 1, 4, 4), np.float32),)

    def decode(self, features, coordinates, labels, mask):
        self.asked.append((coordinates, labels, mask))
        logits = np.full((3, 16, 16), -6, np.float32)
        logits[0, 2:6, 2:6] = 6
        logits[1, 5:8, 2:10] = 1
        return logits, np.zeros(3, np.float32)

    def close(self):
        pass


def make(targets=TARGETS, capabilities=("auto",), temperature=1.0):
    card = ModelCard(
        id="auto",
        title="Auto",
        architecture=Architecture(encoder="none", grid=4, masks="classes", temperature=temperature),
        preprocessing=Preprocessing(size=64),
        capabilities=frozenset(capabilities),
        targets=targets,
    )
    return SamSegmenter(card, Fixed())


@pytest.fixture
def volume():
    return Volume.from_array(np.zeros((3, 32, 64), np.uint8))


def propose(segmenter, volume, modality=""):
    return segmenter.propose(segmenter.embed(volume, PLANE), modality)


def test_every_target_gets_a_mask_of_the_slice_and_an_empty_prompt(volume):
    segmenter = make()
    found = propose(segmenter, volume)
    assert [one.names for one in found] == [("lesion",), ("vessel",), ("hair",)]
    assert all(one.prompt == Prompt(PLANE) and len(one.masks) == 1 for one in found)
    assert {one.masks[0].shape for one in found} == {(32, 64)}
    assert [bool(one.masks[0].any()) for one in found] == [True, False, False], "1 is below log 0.9 / 0.1"
    assert 0.9 < found[0].scores[0] < 1 and found[2].scores[0] > 0.99
    coordinates, labels, mask = segmenter._runtime.asked[0]
    assert coordinates.shape == (1, 1, 2) and labels.tolist() == [[-1]] and mask is None
    assert len(segmenter._runtime.asked) == 1, "one pass answers for all"


def test_a_modality_leaves_out_the_targets_of_others(volume):
    assert [one.names for one in propose(make(), volume, "fundus")] == [("vessel",), ("hair",)]
    only = make(TARGETS[:2])
    with pytest.raises(InvalidPrompt, match="ultrasound") as error:
        propose(only, volume, "ultrasound")
    assert error.value.hint == "It knows dermoscopy, fundus."


def test_another_threshold_needs_no_network(volume):
    segmenter = make()
    vessel = propose(segmenter, volume)[1]
    lower = at_threshold(vessel, 0.5)
    assert lower.masks[0].sum() > 0 and not vessel.masks[0].any()
    assert lower.logits is vessel.logits and len(segmenter._runtime.asked) == 1
    sizes = [at_threshold(vessel, threshold).masks[0].sum() for threshold in (0.01, 0.3, 0.6, 0.8)]
    assert sizes == sorted(sizes, reverse=True)
    for wrong in (0, 1, 1.5):
        with pytest.raises(InvalidPrompt, match="between 0 and 1"):
            at_threshold(vessel, wrong)


def test_painted_pixels_outlive_a_threshold(volume):
    from dataclasses import replace

    lesion = propose(make(), volume)[0]
    where = np.zeros((32, 64), bool)
    where[30, 60] = True
    painted = replace(lesion, prompt=Prompt(PLANE, edits=Edits.none((32, 64)).with_stroke(where, True)))
    assert at_threshold(painted, 0.7).masks[0][30, 60]


def test_the_temperature_makes_it_less_sure(volume):
    sure, less = (propose(make(temperature=t), volume)[0] for t in (1.0, 3.0))
    np.testing.assert_allclose(less.logits * 3, sure.logits)
    assert less.scores[0] < sure.scores[0] and (less.masks[0] == sure.masks[0]).all()


def test_the_overlap_to_expect_is_that_of_many_draws():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (40, 40)).astype(np.float32)
    probability = 1 / (1 + np.exp(-logits))
    mask = logits > log_odds(0.6)
    drawn = [rng.random(logits.shape) < probability for _ in range(200)]
    real = np.mean([(one & mask).sum() / (one | mask).sum() for one in drawn])
    assert expected_overlap(logits, log_odds(0.6)) == pytest.approx(real, abs=0.005)


def test_of_an_empty_mask_it_is_how_sure_it_is_that_nothing_is_there():
    logits = np.full((4, 4), -9, np.float32)
    logits[1, 2] = log_odds(0.3)
    assert expected_overlap(logits) == pytest.approx(0.7)


def test_the_padding_says_nothing(volume):
    segmenter = make()
    decode = segmenter._runtime.decode

    def noisy(*arguments):
        logits, scores = decode(*arguments)
        logits[:, 8:] = 9  # the lower half of the input of a slice twice as wide as it is high
        return logits, scores

    before = propose(segmenter, volume)[0]
    segmenter._runtime.decode = noisy
    after = propose(segmenter, volume)[0]
    assert after.scores == before.scores


def test_candidates_are_what_was_found_surest_first(volume):
    found = propose(make((TARGETS[2], Target(name="vessel"), TARGETS[0])), volume)
    joined = together(found)
    assert joined.names == ("hair", "vessel", "lesion")
    assert joined.scores[0] > joined.scores[1] and not joined.masks[2].any()
    assert joined.logits.shape == (3, 16, 16)
    np.testing.assert_array_equal(joined.logits[1], found[1].logits[0])
    tree = propose(make((TARGETS[0], Target(name="vessel", joined=True))), volume)
    assert [one.joined for one in tree] == [False, True]
    assert not together(tree).joined and together(tree[1:]).joined, "candidates are of one sort"


def test_a_model_that_needs_a_prompt_proposes_nothing(volume):
    with pytest.raises(InvalidPrompt, match="without a prompt"):
        propose(make((), ("box",)), volume)


def test_an_automatic_model_takes_no_clicks(volume):
    segmenter = make()
    with pytest.raises(InvalidPrompt, match="takes no prompts") as error:
        segmenter.predict(segmenter.embed(volume, PLANE), Prompt(PLANE, points=(Point(3, 3),)))
    assert "suggest" in error.value.hint


def test_a_card_names_targets_where_it_is_automatic_and_only_there():
    for targets, capabilities in (((), ("auto",)), (TARGETS, ("box",))):
        with pytest.raises(ValueError, match="targets"):
            make(targets, capabilities)
    assert not make().card.needs_prompt
    assert make(capabilities=("auto", "point")).card.needs_prompt


class Routed(Fixed):
    """Takes everything for fundus by its last features, and answers for one target of the kind it is told."""

    def encode(self, image):
        return np.zeros((1, 1, 4, 4), np.float32), np.array([[0, 2]], np.float32)

    def decode(self, features, coordinates, labels, mask):
        logits, scores = super().decode(features, coordinates, labels, mask)
        kind = int(features[-1].argmax())
        return logits[kind : kind + 1], scores[:1]


@pytest.fixture
def routed():
    card = make(TARGETS[:2]).card
    architecture = card.architecture.model_copy(update={"kinds": ("dermoscopy", "fundus")})
    return SamSegmenter(card.model_copy(update={"architecture": architecture}), Routed())


def test_a_router_says_which_kind_it_took_and_how_surely(routed, volume):
    embedding = routed.embed(volume, PLANE)
    assert list(routed.modality_of(embedding)) == ["fundus", "dermoscopy"]
    assert routed.modality_of(embedding)["fundus"] == pytest.approx(1 / (1 + np.exp(-2)))
    (found,) = routed.propose(embedding)
    assert (found.names, found.modality) == (("vessel",), "fundus")


def test_the_user_overrides_the_router_without_another_encoding(routed, volume):
    embedding = routed.embed(volume, PLANE)
    (found,) = routed.propose(embedding, "dermoscopy")
    assert (found.names, found.modality) == (("lesion",), "dermoscopy")
    assert found.logits.max() == 6 and embedding.features[-1].argmax() == 1, "the slice's own stay"
    with pytest.raises(InvalidPrompt, match="ultrasound"):
        routed.propose(embedding, "ultrasound")


def test_other_models_tell_no_kinds_apart(volume):
    segmenter = make()
    embedding = segmenter.embed(volume, PLANE)
    assert segmenter.modality_of(embedding) == {}
    assert {one.modality for one in segmenter.propose(embedding)} == {""}


def test_a_card_of_kinds_has_targets_of_these():
    card = make().card
    with pytest.raises(ValueError, match="kinds"):
        ModelCard.model_validate(
            {**dict(card), "architecture": {**dict(card.architecture), "kinds": ("xray",)}}
        )
