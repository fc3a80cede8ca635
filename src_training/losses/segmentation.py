"""How far the classes of an answer without prompts are from the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_SMOOTH = 1.0


def segmentation_loss(scores: Tensor, shares: Tensor, inside: Tensor, dice: float = 0.8) -> Tensor:
    """Return L_seg = (1 − α)·CE + α·Dice of exclusive classes; α = `dice` is SAMed's (Zhang and Liu 2023).

    CE is −Σ_k t_k·log softmax(z)_k, the mean over the pixels that show the picture. Dice is the soft Dice
    loss of each class but the background, the mean over classes and images.

    Parameters
    ----------
    scores : Tensor (B, 1 + K, h, w)
        z, what a softmax over classes takes; the background first.
    shares : Tensor (B, K, h, w)
        t, how much of each cell belongs to each class, 0 to 1; what is left is background.
    inside : Tensor (B, 1, h, w)
        How much of each cell shows the picture, 0 to 1.
    dice : float
        α, 0 to 1.
    """
    wanted = torch.cat([(1 - shares.sum(1, keepdim=True)).clamp(min=0), shares], dim=1)
    entropy = -(wanted * scores.log_softmax(1)).sum(1, keepdim=True)
    entropy = (entropy * inside).sum() / inside.sum().clamp(min=1)
    return (1 - dice) * entropy + dice * class_dice_loss(scores.softmax(1)[:, 1:] * inside, shares).mean()


def class_dice_loss(probabilities: Tensor, shares: Tensor) -> Tensor:
    """Return 1 − (2 Σ p·t + 1) / (Σ p + Σ t + 1) of each class: (B, K, h, w) twice → (B, K)."""
    both = (probabilities * shares).sum((-2, -1))
    total = probabilities.sum((-2, -1)) + shares.sum((-2, -1))
    return 1 - (2 * both + _SMOOTH) / (total + _SMOOTH)
