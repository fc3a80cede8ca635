"""Prompts in the loop: what is said of an object first, and what the student sees of its last answer."""

from __future__ import annotations

import torch

from napari_medkd.models.promptable import build_model
from src_training.batches import ViewStream
from src_training.draws import Draws
from src_training.tasks.masks import MaskTask
from tests.training.test_batches import CARD
from tests.training.test_views import moved, picture

SMALL = CARD.architecture.model_copy(
    update={"encoder_options": {"backbone": "mobilenetv4_conv_small_035", "width": 16}}
)
STUDENT = CARD.model_copy(update={"architecture": SMALL})


def asked(batch, seed: int) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    """Return the labels and the mask of every question of a step."""
    torch.manual_seed(0)
    task = MaskTask(build_model(STUDENT.architecture, STUDENT.preprocessing), 64, 3, seed).eval()
    questions, decode = [], task.student.decode

    def listening(features, coordinates, labels, mask=None):
        questions.append((labels, mask))
        return decode(features, coordinates, labels, mask)

    task.student.decode = listening  # type: ignore[method-assign]
    assert task(batch)["loss"].isfinite()
    return questions


def stream(handed: float) -> ViewStream:
    return ViewStream([([moved(picture(), 4)], 1.0)], STUDENT, Draws(3, seed=0), 2, handed)


def test_an_object_of_one_slice_starts_without_a_mask():
    batch = stream(0.0).batch(0)
    assert batch.beside is None
    assert all(asked(batch, seed)[0][1] is None for seed in range(3))


def test_an_object_from_the_slice_beside_starts_with_its_mask_its_box_and_its_point():
    batch = stream(0.99).batch(0)
    for labels, mask in (asked(batch, seed)[0] for seed in range(4)):
        assert labels[:, :3].tolist() == [[2, 3, 1]] * len(labels)
        assert mask.shape == (len(batch.targets), 1, 16, 16)
        there = torch.nn.functional.adaptive_avg_pool2d(batch.beside[:, None], 16) > 0.5
        assert ((mask > 0) == there).float().mean() > 0.9  # but for its wear
        assert mask.abs().max() == 8
