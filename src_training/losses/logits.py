"""What EfficientMedSAM learns masks with, and how far a student's logits are from its teacher's.

Reference: "EfficientMedSAM" (IEEE EDGE 2024): L_seg = L_dice + 20·L_mask, and L = L_seg + λ·L_distill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from src_training.losses.masks import soft_dice_loss

if TYPE_CHECKING:
    from torch import Tensor

_MASK = 20.0


def dice_and_mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return L_seg of each mask, L_mask being the binary cross-entropy: (…, h, w) twice → (…)."""
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((-2, -1))
    return soft_dice_loss(logits, targets) + _MASK * entropy


def logit_divergence(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Return L_distill = T²·KL(p_T ‖ p_S) of each mask, over both classes: (…, h, w) twice → (…).

    p = σ(z / T); the mean over the pixels, so that the size of a map does not count (the paper sums). T²
    keeps the gradient's size (Hinton et al. 2015).
    """
    target = (teacher / temperature).sigmoid()
    ours = student / temperature
    crossed = functional.binary_cross_entropy_with_logits(ours, target, reduction="none")
    own = functional.binary_cross_entropy(target, target, reduction="none")
    return temperature**2 * (crossed - own).mean((-2, -1))
