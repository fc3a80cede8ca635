"""How far answers are from masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_SMOOTH = 1.0


def mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return binary cross-entropy plus soft Dice loss of each mask: (…, h, w) twice → (…).

    Dice weighs a small object like a large one; cross-entropy keeps the gradient where Dice has none. Targets
    may be shares of a cell, 0 to 1.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((-2, -1))
    return entropy + soft_dice_loss(logits, targets)


def soft_dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return 1 − (2 Σ p·t + 1) / (Σ p + Σ t + 1) of each mask: (…, h, w) twice → (…)."""
    probabilities = logits.sigmoid()
    both = (probabilities * targets).sum((-2, -1))
    return 1 - (2 * both + _SMOOTH) / (probabilities.sum((-2, -1)) + targets.sum((-2, -1)) + _SMOOTH)


def weighted_mask_loss(logits: Tensor, targets: Tensor, dice: float = 0.8) -> Tensor:
    """Return (1 − α)·CE + α·Dice of each mask, α = `dice`: (…, h, w) twice → (…).

    α = 0.8 is SAMed's (Zhang and Liu 2023); CE is the binary cross-entropy, the mean over the pixels.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((-2, -1))
    return (1 - dice) * entropy + dice * soft_dice_loss(logits, targets)


def focal_loss(logits: Tensor, targets: Tensor, gamma: float = 2.0, alpha: float = 0.25) -> Tensor:
    """Return −α_t·(1 − p_t)^γ·log p_t, the mean over each mask: (…, h, w) twice → (…).

    p_t is the probability of what is right there (Lin et al. 2017); α_t is α inside and 1 − α outside.
    Targets may be shares of a cell, 0 to 1.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    probabilities = logits.sigmoid()
    wrong = probabilities * (1 - targets) + (1 - probabilities) * targets
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return (weight * wrong**gamma * entropy).mean((-2, -1))


@torch.no_grad()
def overlap(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the intersection over union of the masks cut at 0 and at ½: (…, h, w) twice → (…)."""
    mask, truth = logits > 0, targets > 0.5
    both = (mask & truth).sum((-2, -1))
    either = (mask | truth).sum((-2, -1))
    return both / either.clamp(min=1)


@torch.no_grad()
def hard_dice(odds: Tensor, shares: Tensor) -> Tensor:
    """Return Dice of log odds cut at 0 and of shares cut at ½, (B, 1, h, h) twice → (B,); 1 of nothing."""
    found, truth = odds > 0, shares > 0.5
    both, total = (found & truth).sum((1, 2, 3)), found.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    return torch.where(total > 0, 2 * both / total.clamp(min=1), 1.0)
