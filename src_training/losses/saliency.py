"""Where two networks look: maps of attention or saliency, and how alike they are, as a whole and in parts.

Reference: "EfficientMedSAM" (IEEE EDGE 2024): L_AMS = 1 − cos(vec A_T, vec A_S); S_GL = a·S_global +
(1 − a)·S_local, S_local the mean of the cosines of all patches at a stride of 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-6  # norms below it are of maps that say nothing


def saliency(features: Tensor, gradient: Tensor | None = None) -> Tensor:
    """Return A = Σ_c |F_c|², or Σ_c |∂L/∂F_c|·|F_c| with a gradient: (B, C, H, W) → (B, H, W)."""
    if gradient is None:
        return features.square().sum(1)
    return (gradient.abs() * features.abs()).sum(1)


def resized(maps: Tensor, side: int) -> Tensor:
    """Bring (B, H, W) maps to `side` rows and columns."""
    if maps.shape[-1] >= side:
        return functional.adaptive_avg_pool2d(maps[:, None], side)[:, 0]
    return functional.interpolate(maps[:, None], (side, side), mode="bilinear", align_corners=False)[:, 0]


def similarity(
    one: Tensor, other: Tensor, patch: int = 8, share: float = 0.5, centred: bool = True
) -> Tensor:
    """Return S_GL of each pair of maps, -1 to 1: (B, H, W) twice → (B,).

    Parameters
    ----------
    one, other : Tensor (B, H, W)
        Maps of the same size.
    patch : int
        Side of the patches of S_local; a smaller map is one patch.
    share : float
        a, the share of S_global; 1 leaves S_local out.
    centred : bool
        Whether each map's mean is taken off first. Without it, as the paper writes it, two maps that are
        nowhere negative are always alike.
    """
    if centred:
        one, other = (maps - maps.mean((1, 2), keepdim=True) for maps in (one, other))
    one, other = (
        maps / maps.square().mean((1, 2), keepdim=True).clamp(min=_LEAST**2).sqrt() for maps in (one, other)
    )
    whole = functional.cosine_similarity(one.flatten(1), other.flatten(1), eps=_LEAST)
    if share == 1:
        return whole
    return share * whole + (1 - share) * _local(one, other, min(patch, *one.shape[-2:]))


def _local(one: Tensor, other: Tensor, patch: int) -> Tensor:
    """Return the mean cosine of all patches; sums over patches are box filters, one pass for all of them."""

    def box(maps: Tensor) -> Tensor:
        return functional.avg_pool2d(maps[:, None], patch, stride=1)[:, 0]

    # What a box filter's rounding leaves of an empty patch must not be divided by.
    norms = (box(one.square()).clamp(min=_LEAST) * box(other.square()).clamp(min=_LEAST)).sqrt()
    return (box(one * other) / norms).mean((1, 2))
