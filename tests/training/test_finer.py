"""A teacher copied on its own, finer grid: what the head makes, what counts, and that the student learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_medkd.models.promptable import build_model
from src_training.tasks.features import FeatureBatch
from src_training.tasks.finer import FinerFeatureTask, FinerHead
from tests.models.decoders.test_modality import make_card


def made(own: int = 16, inside: float = 1.0) -> tuple[FinerFeatureTask, FeatureBatch]:
    torch.manual_seed(0)
    card = make_card(("fundus",), finer=True)
    task = FinerFeatureTask(build_model(card.architecture, card.preprocessing), 256)
    covered = torch.ones(2, 1, own, own)
    covered[:, :, own // 2 :] = inside
    batch = FeatureBatch(torch.randn(2, 3, 64, 64), torch.randn(2, 256, own, own), covered, torch.arange(2))
    return task, batch


def test_the_head_makes_a_map_of_the_finest_grid() -> None:
    head = FinerHead([8, 4, 2], teacher=6, width=4)
    maps = [torch.randn(1, 8, 4, 4), torch.randn(1, 4, 8, 8), torch.randn(1, 2, 16, 16)]
    assert head(maps).shape == (1, 6, 16, 16)


@pytest.mark.parametrize("own", [16, 12])
def test_both_grids_count(own: int) -> None:
    task, batch = made(own)
    said = task(batch)
    assert said["loss"].item() == pytest.approx(said["coarse"].item() + said["fine"].item())
    assert min(said["coarse"].item(), said["fine"].item()) > 0.1


def test_what_shows_no_picture_does_not_count() -> None:
    task, batch = made(inside=0.0)
    task.eval()
    before = task(batch)
    batch.embeddings[:, :, 8:] += 100
    after = task(batch)
    assert after["fine"].item() == pytest.approx(before["fine"].item())
    assert after["coarse"].item() == pytest.approx(before["coarse"].item())


def test_finer_maps_learn_from_it() -> None:
    task, batch = made()
    trunk: Any = task.student.image_encoder.trunk
    optimiser = torch.optim.Adam(task.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        said = task(batch)
        losses.append(said["fine"].item())
        optimiser.zero_grad()
        said["loss"].backward()
        optimiser.step()
    assert losses[-1] < 0.9 * losses[0]
    assert all(float(skip.weight.detach().abs().sum()) > 0 for skip in trunk.skips[:2]), "no longer silent"
