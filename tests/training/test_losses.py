"""Losses, by hand."""

from __future__ import annotations

import pytest
import torch

from src_training.losses.features import feature_loss
from src_training.losses.masks import focal_loss, mask_loss, overlap, soft_dice_loss, weighted_mask_loss


def test_dice_loss_of_a_half_right_answer():
    logits = torch.full((1, 2, 2), -100.0)
    logits[0, 0] = 100  # two cells of four, one of them right
    target = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    assert soft_dice_loss(logits, target).item() == pytest.approx(1 - (2 * 1 + 1) / (2 + 2 + 1))


def test_mask_loss_of_an_undecided_answer_is_ln_2_and_dice():
    logits, target = torch.zeros(3, 4, 4), torch.ones(3, 4, 4)
    expected = torch.log(torch.tensor(2.0)) + 1 - (2 * 8 + 1) / (8 + 16 + 1)
    assert torch.allclose(mask_loss(logits, target), expected.expand(3))


def test_the_gradient_points_towards_the_mask():
    logits = torch.zeros(1, 2, 2, requires_grad=True)
    target = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    mask_loss(logits, target).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, 0, 0] < 0 < logits.grad[0, 1, 1]


def test_overlap_counts_cells():
    logits = torch.tensor([[[1.0, 1.0], [-1.0, -1.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.6, 0.4]]])
    assert overlap(logits, target).item() == pytest.approx(1 / 3)
    assert overlap(-torch.ones(1, 2, 2), torch.zeros(1, 2, 2)).item() == 0


def test_features_outside_the_picture_do_not_count():
    student, teacher = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    teacher[..., 1] = 100
    inside = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    assert feature_loss(student, teacher, inside).item() == pytest.approx(1.0)


def test_focal_loss_hardly_hears_what_is_right_already():
    logits, target = torch.tensor([[[0.0, 4.0]]]), torch.tensor([[[1.0, 0.0]]])
    wrong = torch.tensor(4.0).sigmoid()
    inside = 0.25 * 0.5**2 * torch.log(torch.tensor(2.0))
    outside = 0.75 * wrong**2 * -torch.log(1 - wrong)
    assert torch.allclose(focal_loss(logits, target), (inside + outside) / 2)
    assert focal_loss(-logits, target)[0] < focal_loss(logits, target)[0] / 10


def test_cross_entropy_leads_away_from_nothing():
    targets = torch.zeros(1, 16, 16)
    targets[:, 4:12, 4:12] = 1

    def pull(dice: float) -> float:
        logits = torch.full_like(targets, -12.0, requires_grad=True)
        weighted_mask_loss(logits, targets, dice).sum().backward()
        return float(-logits.grad[targets > 0].sum())

    assert pull(0.8) > 1000 * pull(1.0) > 0
