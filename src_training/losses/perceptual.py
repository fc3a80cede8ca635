"""How differently a network that looks at two embeddings sees them (KD-SAM)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_LEAST = 1e-12  # of a variance that is divided by


def perceptual_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], scales: Sequence[float]) -> Tensor:
    """Return L_P = 1/L Σ_l 1/V_l · 1/(B·C_l·H_l·W_l) · ‖φ_l(π(s)) − φ_l(π(t))‖².

    The perceptual loss of Johnson et al. (2016), as KD-SAM (arXiv 2501.16740) takes it between embeddings.
    Its layer weights w_l are not stated; here every layer counts alike in units of V_l (`variance`).

    Parameters
    ----------
    student, teacher : sequence of Tensor (B, C_l, H_l, W_l)
        φ_l(π(s)) and φ_l(π(t)).
    scales : sequence of float
        V_l.
    """
    apart = [
        ((ours - theirs) ** 2).mean() / max(scale, _LEAST)
        for ours, theirs, scale in zip(student, teacher, scales, strict=True)
    ]
    return torch.stack(apart).mean()


def variance(maps: Tensor, weight: Tensor | None = None) -> float:
    """Return the mean squared distance of (B, C, h, w) maps from each channel's mean.

    It is what an answer that is always the mean would lose, so a loss divided by it is 1 for knowing nothing.
    `weight` (B, 1, h, w) says how much each cell counts.
    """
    weight = torch.ones_like(maps[:, :1]) if weight is None else weight
    total = weight.sum().clamp(min=_LEAST)
    mean = (maps * weight).sum((0, 2, 3), keepdim=True) / total
    return float((((maps - mean) ** 2).mean(1, keepdim=True) * weight).sum() / total)
