"""ESP-MedSAM's self-patch prompt generator: where in the image a target is, patch by patch, as a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from segment_anything.modeling.common import LayerNorm2d
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_THRESHOLD = 0.5


class PatchGenerator(nn.Module):
    """(B, C, g, g) → the log odds that each patch of 2^levels cells holds some of the target.

    Parameters
    ----------
    dim, levels : int
        C, and how often two by two cells become one.
    """

    def __init__(self, dim: int, levels: int = 1) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(dim, dim, 2, stride=2), LayerNorm2d(dim), nn.GELU())
            for _ in range(levels)
        )
        self.out = nn.Conv2d(dim, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Look for the target: (B, 1, g / 2^levels, g / 2^levels)."""
        for level in self.levels:
            maps = level(maps)
        patches: Tensor = self.out(maps)
        return patches


class PatchPrompter(nn.Module):
    """The patches as a dense prompt (B, C, g, g).

    Parameters
    ----------
    dim : int
        C.
    patches : "hard", "straight-through" or "soft"
        Patches are cut at ½ and their gradient stops there, as in the published code; or it passes, as if
        they had not been cut; or they are not cut.
    """

    def __init__(self, dim: int, patches: Literal["hard", "straight-through", "soft"] = "hard") -> None:
        super().__init__()
        self._patches = patches
        self.embed = nn.Sequential(nn.Conv2d(1, dim, 1), LayerNorm2d(dim), nn.GELU())

    def forward(self, patches: Tensor, grid: int) -> Tensor:
        """Embed log odds of patches on a grid."""
        probability = patches.sigmoid()
        if self._patches != "soft":
            cut = (probability > _THRESHOLD).to(patches.dtype)
            straight = self._patches == "straight-through"
            probability = cut + probability - probability.detach() if straight else cut
        dense: Tensor = self.embed(functional.interpolate(probability, (grid, grid), mode="nearest"))
        return dense
