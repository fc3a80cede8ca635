"""A convolutional backbone of timm with a neck: an embedding on a small grid, and finer maps beside it.

The neck sums the last three stages on the grid (as EfficientViT-SAM's does, Zhang et al. 2024); the finer
maps serve `napari_medkd.models.decoders.multi_scale`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import timm
from segment_anything.modeling.common import LayerNorm2d
from torch import nn
from torch.nn import functional

from napari_medkd.errors import InvalidSetting, UnknownName
from napari_medkd.models.encoders import encoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_GRID_STAGE = 3  # of the strides 2, 4, 8, 16 and 32: the grid has one cell for 16 pixels
_FIRST_SUMMED = 2  # the neck sums the stages from this one on


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


class DenseBlock(nn.Module):
    """A residual 3×3 convolution, (B, C, g, g) to the same: what feature pyramids are made of."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
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
    dense : bool
        Whether these are whole 3×3 convolutions, or depthwise-separable ones.
    stage : int
        On whose grid: 0 for that of stride 8, 1 for that of stride 16.
    """

    def __init__(
        self, channels: Sequence[int], dim: int, width: int, blocks: int, dense: bool = False, stage: int = 1
    ) -> None:
        super().__init__()
        self._stage = stage
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, width, 1, bias=False), nn.BatchNorm2d(width)) for count in channels
        )
        block = DenseBlock if dense else Block
        self.blocks = nn.Sequential(*(block(width) for _ in range(blocks)))
        self.out = nn.Sequential(nn.Conv2d(width, dim, 1, bias=False), LayerNorm2d(dim))

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Sum the stages on the grid: (B, dim, g, g)."""
        fine, middle, coarse = (self._on_grid(index, maps) for index, maps in enumerate(stages))
        embedding: Tensor = self.out(self.blocks(fine + middle + coarse))
        return embedding

    def _on_grid(self, index: int, maps: Tensor) -> Tensor:
        if index < self._stage:
            maps = functional.avg_pool2d(maps, 2)
        maps = self.laterals[index](maps)
        if index <= self._stage:
            return maps
        scale = 2.0 ** (index - self._stage)
        return functional.interpolate(maps, scale_factor=scale, mode="bilinear", align_corners=False)


@encoders.register("pyramid")
class PyramidEncoder(nn.Module):
    """(B, 3, S, S) → embedding (B, dim, g, g) and maps at S/8, S/4 and S/2; S a multiple of 32.

    Parameters
    ----------
    backbone : str
        Name of a timm network with stages of stride 2, 4, 8, 16 and 32.
    dim : int
        Channels of the embedding; the finer maps have dim/4, dim/8 and dim/16.
    width, blocks : int
        Of the neck.
    mixing : "separable" or "dense"
        Convolutions of the neck: depthwise-separable, or whole 3×3 as in a feature pyramid.
    cell : 16 or 8
        Pixels for one cell of the grid: g = S / cell.
    finer : bool
        Whether the finer maps come with it; a decoder that does not look at them needs none, and with cells
        of 8 pixels there are none.
    """

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        dim: int = 256,
        width: int = 128,
        blocks: int = 2,
        mixing: Literal["separable", "dense"] = "separable",
        cell: Literal[8, 16] = 16,
        finer: bool = True,
    ) -> None:
        super().__init__()
        if finer and cell != 16:
            raise InvalidSetting(
                f"Finer maps go with cells of 16 pixels, not {cell}.", "Leave them out, or use cells of 16."
            )
        self.backbone, counts = _backbone(backbone)
        self.neck = Neck(counts[_FIRST_SUMMED:], dim, width, blocks, mixing == "dense", int(cell == 16))
        wanted = (dim // 4, dim // 8, dim // 16) if finer else ()
        self.skips = nn.ModuleList(
            _silent(count, channels)
            for count, channels in zip(counts[_GRID_STAGE - 1 :: -1], wanted, strict=False)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode images."""
        stages = self.backbone(image)
        finer = [skip(stage) for skip, stage in zip(self.skips, stages[_GRID_STAGE - 1 :: -1], strict=False)]
        return self.neck(stages[_FIRST_SUMMED:]), *finer


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
