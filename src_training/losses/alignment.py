"""How far a student is from its teacher, in its hidden layers and in its predictions (TS-KD).

Reference: "Task-Specific Knowledge Distillation from the Vision Foundation Model for Enhanced Medical Image
Segmentation" (arXiv 2503.06976), which aligns both; the exact forms are ours, see docs/recipes/ts-kd.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from src_training.losses.segmentation import class_dice_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def hidden_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], inside: Tensor) -> Tensor:
    """Return L_h = 1/|P| Σ_j mean[(LN(W_j·h^S_j) − LN(h^T_j))²] over the cells that show the picture.

    LN is a layer norm over the channels without weights, so that neither network's scale counts.

    Parameters
    ----------
    student, teacher : sequence of Tensor (B, g, g, C_j)
        The projected tokens W_j·h^S_j of the student, and the teacher's h^T_j.
    inside : Tensor (B, 1, g, g)
        How much of each cell shows the picture, 0 to 1.
    """
    weight = inside[:, 0]
    apart = []
    for ours, theirs in zip(student, teacher, strict=True):
        width = theirs.shape[-1:]
        squared = (functional.layer_norm(ours, width) - functional.layer_norm(theirs, width)) ** 2
        apart.append((squared.mean(-1) * weight).sum() / weight.sum().clamp(min=1))
    return torch.stack(apart).mean()


def prediction_loss(
    student: Tensor, teacher: Tensor, inside: Tensor, temperature: float = 2.0, dice: float = 0.5
) -> Tensor:
    """Return L_p = T²·KL(softmax(z^T/T) ‖ softmax(z^S/T)) + β·Dice(softmax(z^S), softmax(z^T)).

    The divergence (Hinton et al. 2015) is the mean over the pixels that show the picture; of one class and
    the background it is the binary one.

    Parameters
    ----------
    student, teacher : Tensor (B, 1 + K, h, w)
        z^S and z^T, the background first.
    inside : Tensor (B, 1, h, w)
        How much of each cell shows the picture, 0 to 1.
    temperature, dice : float
        T and β.
    """
    target = (teacher / temperature).softmax(1)
    divergence = functional.kl_div((student / temperature).log_softmax(1), target, reduction="none").sum(1)
    weight = inside[:, 0]
    divergence = (divergence * weight).sum() / weight.sum().clamp(min=1)
    ours, theirs = (scores.softmax(1)[:, 1:] * inside for scores in (student, teacher))
    return temperature**2 * divergence + dice * class_dice_loss(ours, theirs).mean()
