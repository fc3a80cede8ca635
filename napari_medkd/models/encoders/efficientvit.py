"""EfficientViT-SAM: convolutions first, linear attention in the last stage, three stages fused in a neck.

References: Cai et al., "EfficientViT: Multi-Scale Linear Attention for High-Resolution Dense Prediction"
(2023), §3.1 for the attention; Zhang et al., "EfficientViT-SAM" (2024), §3.1 and figure 2 for the encoder.
The stages are timm's; the neck, which timm does not have, is written here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from segment_anything.modeling.common import LayerNorm2d
from timm.layers import GELUTanh
from timm.models.efficientvit_mit import (
    ConvNormAct,
    EfficientVitLargeStage,
    FusedMBConv,
    LiteMLA,
    ResidualBlock,
    Stem,
)
from torch import nn
from torch.nn import functional

from napari_medkd.models.encoders import encoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_WIDTHS = (32, 64, 128, 256, 512)
# Blocks of the stem and the four stages, and of the neck.
_SIZES: dict[str, tuple[tuple[int, ...], int]] = {
    "l0": ((1, 1, 1, 4, 4), 4),
    "l1": ((1, 1, 1, 6, 6), 8),
    "l2": ((1, 2, 2, 8, 8), 12),
}
# The published weights were trained with these, not with timm's classification defaults.
_BatchNorm = partial(nn.BatchNorm2d, eps=1e-6)
_ATTENTION_EPS = 1e-15


@encoders.register("efficientvit")
def efficientvit(
    size: Literal["l0", "l1", "l2"] = "l0",
    widths: Sequence[int] = _WIDTHS,
    depths: Sequence[int] = (),
    neck_depth: int = 0,
    head_dim: int = 32,
    embedding_dim: int = 256,
) -> nn.Module:
    """Build an EfficientViT-SAM image encoder whose embedding has S / 8 rows and columns (64 at 512).

    Parameters
    ----------
    size : "l0", "l1" or "l2"
        The published sizes; `depths` and `neck_depth`, where given, override them.
    widths, depths : sequence of 5 int
        Channels and blocks of the stem and the four stages.
    neck_depth : int
        Blocks that mix the fused stages.
    head_dim : int
        Channels of an attention head.
    embedding_dim : int
        Channels of the embedding.
    """
    own_depths, own_neck = _SIZES[size]
    return EfficientViT(widths, depths or own_depths, neck_depth or own_neck, head_dim, embedding_dim)


class EfficientViT(nn.Module):
    """(B, 3, S, S) → (B, embedding_dim, S / 8, S / 8); see `efficientvit`."""

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        neck_depth: int,
        head_dim: int,
        embedding_dim: int,
    ) -> None:
        super().__init__()
        self.stem = Stem(3, widths[0], depths[0], _BatchNorm, GELUTanh, block_type="large")
        self.stages = nn.ModuleList(
            EfficientVitLargeStage(
                inputs,
                outputs,
                depth,
                _BatchNorm,
                GELUTanh,
                head_dim,
                vit_stage=index == 3,
                fewer_norm=index >= 2,
            )
            for index, (inputs, outputs, depth) in enumerate(
                zip(widths[:-1], widths[1:], depths[1:], strict=True)
            )
        )
        self.neck = Neck(widths[2:], embedding_dim, neck_depth)
        self.norm = LayerNorm2d(embedding_dim)
        for module in self.modules():
            if isinstance(module, LiteMLA):
                module.eps = _ATTENTION_EPS

    def forward(self, image: Tensor) -> Tensor:
        """Encode normalised, padded images."""
        features = self.stem(image)
        scales: list[Tensor] = []
        for stage in self.stages:
            features = stage(features)
            scales.append(features)
        encoded: Tensor = self.norm(self.neck(scales[1:]))
        return encoded


class Neck(nn.Module):
    """Bring the last three stages to one width and the finest grid, add them, mix."""

    def __init__(self, inputs: Sequence[int], outputs: int, depth: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            ConvNormAct(width, outputs, 1, norm_layer=_BatchNorm, act_layer=None) for width in inputs
        )
        self.middle = nn.Sequential(
            *(
                ResidualBlock(
                    FusedMBConv(
                        outputs, outputs, expand_ratio=1, norm_layer=_BatchNorm, act_layer=(GELUTanh, None)
                    ),
                    nn.Identity(),
                )
                for _ in range(depth)
            )
        )
        self.out = nn.Conv2d(outputs, outputs, 1)

    def forward(self, scales: Sequence[Tensor]) -> Tensor:
        """Fuse `scales`, finest first."""
        grid = scales[0].shape[-2:]
        raised = [self.lateral[0](scales[0])]
        for lateral, scale in zip(self.lateral[1:], scales[1:], strict=True):
            raised.append(functional.interpolate(lateral(scale), size=grid, mode="bicubic"))
        fused: Tensor = self.out(self.middle(torch.stack(raised).sum(0)))
        return fused
