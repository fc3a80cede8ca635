"""Logits and maps of two networks, compared by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from src_training.losses.logits import dice_and_mask_loss, logit_divergence
from src_training.losses.saliency import resized, saliency, similarity


def test_the_divergence_is_nothing_for_the_same_and_known_for_one_pixel():
    logits = torch.randn(2, 4, 4)
    assert torch.allclose(logit_divergence(logits, logits), torch.zeros(2), atol=1e-6)
    p, q = 1 / (1 + math.exp(-1)), 0.5  # at a temperature of 2, logits of 2 and of 0
    wanted = 4 * (p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))
    found = logit_divergence(torch.zeros(1, 1, 1), torch.full((1, 1, 1), 2.0))
    assert float(found) == pytest.approx(wanted, abs=1e-6)


def test_masks_count_twenty_times():
    logits, targets = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    dice = 1 - (2 * 2 + 1) / (2 + 4 + 1)
    assert float(dice_and_mask_loss(logits, targets)) == pytest.approx(dice + 20 * math.log(2), abs=1e-5)


def test_saliency_is_the_energy_or_what_the_loss_depends_on():
    features = torch.tensor([3.0, -4.0]).reshape(1, 2, 1, 1)
    assert float(saliency(features)) == 25
    assert float(saliency(features, torch.tensor([-1.0, 2.0]).reshape(1, 2, 1, 1))) == 11
    assert resized(torch.ones(1, 2, 2), 4).shape == resized(torch.ones(1, 8, 8), 4).shape == (1, 4, 4)


def test_maps_are_like_themselves_and_unlike_their_opposite_whatever_their_scale():
    maps = torch.rand(3, 12, 12)
    assert torch.allclose(similarity(maps, 7 * maps + 2, patch=4), torch.ones(3), atol=1e-3)
    assert torch.allclose(similarity(maps, 1 - maps, patch=4), -torch.ones(3), atol=1e-3)


def test_without_centring_maps_that_are_nowhere_negative_seem_alike():
    one, other = torch.rand(1, 16, 16) + 1, torch.rand(1, 16, 16) + 1
    assert float(similarity(one, other, centred=False)) > 0.9
    assert abs(float(similarity(one, other))) < 0.3


def test_box_filters_give_the_mean_over_all_patches():
    one, other = torch.randn(1, 7, 7), torch.randn(1, 7, 7)
    patches = [functional.unfold(maps[:, None], 3)[0] for maps in (one, other)]  # (9, 25)
    wanted = functional.cosine_similarity(*patches, dim=0).mean()
    found = similarity(one, other, patch=3, share=0.0, centred=False)
    assert float(found) == pytest.approx(float(wanted), abs=1e-5)
    both = similarity(one, other, patch=3, share=0.25, centred=False)
    whole = functional.cosine_similarity(one.flatten(1), other.flatten(1))
    assert float(both) == pytest.approx(0.25 * float(whole) + 0.75 * float(wanted), abs=1e-5)


def test_maps_that_say_nothing_give_finite_gradients():
    flat = torch.zeros(1, 8, 8, requires_grad=True)
    similarity(flat, torch.rand(1, 8, 8), patch=4).sum().backward()
    assert flat.grad is not None and torch.isfinite(flat.grad).all()
