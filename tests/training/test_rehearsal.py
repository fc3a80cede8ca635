"""Corrected and rehearsed views together: shares, old answers, and how far weights are drawn back."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.promptable import build_model
from src_training.batches import Batch
from src_training.draws import Draws
from src_training.interpolation import Caution, chosen, mixed
from src_training.pictures import Picture
from src_training.rehearsal import EncodedStream, RehearsalBatch, RehearsalStream
from src_training.tasks.rehearsal import RehearsalTask

CARD = ModelCard(
    id="small",
    title="Small",
    architecture=Architecture(
        encoder="tiny_vit",
        encoder_options={
            "widths": (8, 16, 16, 24),
            "depths": (1, 1, 1, 1),
            "heads": (1, 2, 2, 2),
            "windows": (4,) * 4,
        },
        grid=4,
        decoder_options={"mlp_dim": 32},
    ),
    preprocessing=Preprocessing(size=64, normalise="min-max"),
    capabilities=frozenset({"box", "point", "mask"}),
)


def pictures(name, count, seed):
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        image = rng.integers(0, 255, (50, 60, 3)).astype(np.uint8)
        objects = np.zeros((50, 60), np.uint16)
        objects[10:30, 5 + number : 40] = 1
        found.append(Picture(name, str(number), image, objects))
    return found


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    return build_model(CARD.architecture, CARD.preprocessing)


@pytest.fixture
def stream():
    return RehearsalStream(pictures("own", 3, 0), pictures("old", 2, 1), CARD, Draws(4, seed=5), 1, 0.5)


def test_half_of_a_batch_is_rehearsed_and_steps_are_repeatable(stream):
    batch = stream.batch(3)
    assert batch.images.shape[0] == 4 and batch.owners.tolist() == [0, 1, 2, 3]
    assert batch.rehearsed.tolist() == [False, False, True, True]
    assert torch.equal(batch.images, next(iter(stream(3))).images)


def test_without_images_to_rehearse_all_are_corrected():
    batch = RehearsalStream(pictures("own", 3, 0), [], CARD, Draws(4, seed=5), 1, 0.5).batch(0)
    assert len(batch.images) == 4 and not batch.rehearsed.any()


def test_views_are_encoded_once_and_put_together_anew(stream, student):
    encoded = EncodedStream(stream, student, 2)
    assert encoded.prepare(torch.device("cpu"), lambda done, count: True)
    batch = encoded.batch(7)
    assert batch.rehearsed.tolist() == [False, False, True, True]
    with torch.no_grad():
        wanted = [student.encode(stream.batch(step).images)[0][place] for step in (0, 1) for place in (0,)]
    near = [torch.allclose(batch.features[0][0], one, atol=1e-2) for one in wanted]
    assert any(near), "the first view is one of the first views"
    assert torch.equal(batch.features[0], encoded.batch(7).features[0])
    assert not EncodedStream(stream, student, 2).prepare(torch.device("cpu"), lambda done, count: False)


def test_a_batch_in_pieces_is_the_same_batch(stream, student):
    encoded = EncodedStream(stream, student, 1)
    encoded.prepare(torch.device("cpu"), lambda done, count: True)
    batch = encoded.batch(0)
    parts = batch.pieces(4)
    assert all(isinstance(part, RehearsalBatch) and part.weight == 1 for part in parts)
    assert torch.equal(torch.cat([part.features[0] for part in parts]), batch.features[0])
    assert torch.cat([part.rehearsed for part in parts]).tolist() == batch.rehearsed.tolist()


def make_task(student, retain):
    return RehearsalTask(deepcopy(student).requires_grad_(True), student, retain, frame=64, rounds=2, seed=1)


def test_only_rehearsed_views_are_held_to_the_old_answers(stream, student):
    batch = stream.batch(0)
    with torch.no_grad():
        free, held = make_task(student, 0.0)(batch), make_task(student, 1.0)(batch)
        own = Batch(batch.images[:2], batch.targets[:2], batch.owners[:2], 0)
        alone = make_task(student, 1.0)(RehearsalBatch(*own_fields(own), torch.zeros(2, dtype=torch.bool)))
    assert held["loss"] > free["loss"] and held["retain"] > 0
    assert "retain" not in alone and "retain" not in free


def own_fields(batch):
    return batch.images, batch.targets, batch.owners, batch.step


def test_the_old_model_and_the_encoders_statistics_stay(stream, student):
    before = {name: value.clone() for name, value in student.state_dict().items()}
    task = make_task(student, 1.0).train()
    assert not task.student.image_encoder.training and task.student.mask_decoder.training
    assert not any("before" in name for name in task.state_dict())
    task(stream.batch(0))["loss"].backward()
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())
    assert all(parameter.grad is None for parameter in student.parameters())


def test_weights_between_old_and_new():
    old = {"w": torch.zeros(2), "n": torch.tensor(1)}
    new = {"w": torch.ones(2), "n": torch.tensor(5)}
    half = mixed(old, new, 0.25)
    assert half["w"].tolist() == [0.25, 0.25] and int(half["n"]) == 5


def found(*rows):
    return {
        share: {"held_out_iou": own, "replay_nuclei_iou": nuclei, "replay_vessels_iou": vessels}
        for share, (own, nuclei, vessels) in zip((0.0, 0.5, 1.0), rows, strict=True)
    }


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        (((0.5, 0.8, 0.6), (0.6, 0.8, 0.6), (0.7, 0.8, 0.6)), 1.0),  # nothing is lost
        (((0.5, 0.8, 0.6), (0.6, 0.799, 0.599), (0.7, 0.79, 0.59)), 0.5),  # the mean falls by a point
        (((0.5, 0.8, 0.6), (0.6, 0.81, 0.6), (0.7, 0.77, 0.7)), 0.5),  # one kind pays for the other
        (((0.5, 0.8, 0.6), (0.4, 0.9, 0.6), (0.3, 0.9, 0.6)), 0.0),  # no gain at all
        (((0.5, 0.8, 0.6), (0.5, 0.8, 0.6), (0.5, 0.8, 0.6)), 0.0),
        (((0.5, 0.8, 0.6), (0.698, 0.8, 0.6), (0.7, 0.8, 0.6)), 0.5),  # nearly the whole gain half-way
    ],
)
def test_as_far_as_it_gains_and_nothing_is_forgotten(rows, share):
    assert chosen(found(*rows), Caution(margin=0.005, kind_margin=0.02, gain=0.95)) == share


def test_what_nothing_is_rehearsed_of_cannot_be_forgotten():
    rows = {0.0: {"held_out_iou": 0.5}, 1.0: {"held_out_iou": 0.6}}
    assert chosen(rows, Caution(margin=0, kind_margin=0, gain=1)) == 1.0
