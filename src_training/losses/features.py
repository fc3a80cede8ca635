"""How far a student's embedding is from its teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def feature_loss(student: Tensor, teacher: Tensor, inside: Tensor) -> Tensor:
    """Return the mean squared difference of (B, C, g, g) embeddings over the cells that show the picture.

    The padding is left out, as in EdgeSAM (Zhou et al. 2023): a student need not learn the teacher's idea of
    nothing. `inside` is (B, 1, g, g), 0 to 1.
    """
    apart = ((student - teacher) ** 2).mean(1, keepdim=True)
    return (apart * inside).sum() / inside.sum().clamp(min=1)
