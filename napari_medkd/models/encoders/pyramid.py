"""A convolutional backbone of timm with a neck: an embedding on a small grid, and finer maps beside it.

The neck sums the last three stages on the grid (as EfficientViT-SAM's does, Zhang et al. 2024); the finer
maps serve `napari_medkd.models.decoders.multi_scale`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import timm
from segment_anything.modeling.common import LayerNorm2d
from torch import nn
from torch.nn import functional

from napari_medkd.errors import UnknownName
from napari_medkd.models.encoders import encoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_GRID_STAGE = 3  # of the strides 2, 4, 8, 16 and 32: the grid has one cell for 16 pixels


class Block(nn.Module):
    """A residual depthwise-separable convolution, (B, C, g, g) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 2 * channels, 1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU6(),
            nn.Conv2d(2 * channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what the layers make of `x`."""
        changed: Tensor = x + self.layers(x)
        return changed


class Neck(nn.Module):
    """The last three stages on one grid.

    Parameters
    ----------
    channels : sequence of int
        Of the stages of stride 8, 16 and 32.
    dim : int
        Channels of the embedding.
    width : int
        Channels in between.
    blocks : int
        Residual blocks on the grid.
    """

    def __init__(self, channels: Sequence[int], dim: int, width: int, blocks: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, width, 1, bias=False), nn.BatchNorm2d(width)) for count in channels
        )
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.out = nn.Sequential(nn.Conv2d(width, dim, 1, bias=False), LayerNorm2d(dim))

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Sum the stages on the grid of the middle one: (B, dim, g, g)."""
        fine, middle, coarse = stages
        summed = self.laterals[0](functional.avg_pool2d(fine, 2)) + self.laterals[1](middle)
        summed = summed + functional.interpolate(
            self.laterals[2](coarse), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        embedding: Tensor = self.out(self.blocks(summed))
        return embedding


@encoders.register("pyramid")
class PyramidEncoder(nn.Module):
    """(B, 3, S, S) → embedding (B, dim, S/16, S/16) and maps at S/8, S/4 and S/2; S a multiple of 32.

    Parameters
    ----------
    backbone : str
        Name of a timm network with stages of stride 2, 4, 8, 16 and 32.
    dim : int
        Channels of the embedding; the finer maps have dim/4, dim/8 and dim/16.
    width, blocks : int
        Of the neck.
    """

    def __init__(
        self, backbone: str = "tf_efficientnet_lite0", dim: int = 256, width: int = 128, blocks: int = 2
    ) -> None:
        super().__init__()
        self.backbone, counts = _backbone(backbone)
        self.neck = Neck(counts[_GRID_STAGE - 1 :], dim, width, blocks)
        wanted = (dim // 4, dim // 8, dim // 16)
        self.skips = nn.ModuleList(
            _silent(count, channels)
            for count, channels in zip(counts[_GRID_STAGE - 1 :: -1], wanted, strict=True)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode images."""
        stages = self.backbone(image)
        finer = [skip(stage) for skip, stage in zip(self.skips, stages[_GRID_STAGE - 1 :: -1], strict=True)]
        return self.neck(stages[_GRID_STAGE - 1 :]), *finer


def _backbone(name: str) -> tuple[nn.Module, list[int]]:
    """Build a timm network that gives its five stages; returns it and their channels."""
    try:
        network: Any = timm.create_model(name, features_only=True, out_indices=(0, 1, 2, 3, 4))
    except RuntimeError as error:
        raise UnknownName(
            f"timm has no network named {name!r}.", "Choose one with stages of stride 2 to 32."
        ) from error
    return network, network.feature_info.channels()


def _silent(count: int, channels: int) -> nn.Conv2d:
    """Return a 1×1 convolution that adds nothing yet, so that a decoder goes on as it learnt elsewhere."""
    layer = nn.Conv2d(count, channels, 1)
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
