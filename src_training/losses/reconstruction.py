"""How far a picture that was guessed from a few of its patches is from the picture (MAE)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_FLAT = 1e-6  # variance of a patch that shows nothing


def patches(images: Tensor, side: int) -> Tensor:
    """Cut (B, C, S, S) images into their patches, row by row: (B, N, C·side²)."""
    batch, channels, rows, columns = images.shape
    cut = images.reshape(batch, channels, rows // side, side, columns // side, side)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * side**2)


def reconstruction_loss(guessed: Tensor, wanted: Tensor, hidden: Tensor) -> Tensor:
    """Return the mean squared error over hidden patches, each wanted one brought to mean 0 and variance 1.

    Reference: He et al., "Masked Autoencoders Are Scalable Vision Learners" (2022), section 3, with the
    normalised target of its table 1d. `guessed` and `wanted` are (B, N, D), `hidden` (B, N), 1 where a patch
    was not shown.
    """
    mean, variance = wanted.mean(-1, keepdim=True), wanted.var(-1, keepdim=True)
    target = (wanted - mean) / (variance + _FLAT).sqrt()
    each = ((guessed - target) ** 2).mean(-1)
    return (each * hidden).sum() / hidden.sum().clamp(min=1)
