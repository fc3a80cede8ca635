"""EfficientViT-SAM: convolutions first, linear attention in the last stage, three stages fused in a neck.

References: Cai et al., "EfficientViT: Multi-Scale Linear Attention for High-Resolution Dense Prediction"
(2023), §3.1 for the attention; Zhang et al., "EfficientViT-SAM" (2024), §3.1 and figure 2 for the encoder.
The convolutional blocks are timm's. The attention is written here, because timm's guard against a division
by zero (adding 1e-5) is not the published one, and adding the published 1e-15 is optimised away when the
network is exported to ONNX, which then answers NaN; and so is the neck, which timm does not have.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from segment_anything.modeling.common import LayerNorm2d
from timm.layers import GELUTanh
from timm.models.efficientvit_mit import (
    ConvNormAct,
    EfficientVitLargeStage,
    FusedMBConv,
    MBConv,
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
# The published weights were trained with this, not with the epsilon of timm's classification networks.
_BatchNorm: Any = partial(nn.BatchNorm2d, eps=1e-6)
_SMALLEST = 1e-15  # no attention weights sum to less


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
        stages: list[nn.Module] = [
            EfficientVitLargeStage(
                inputs, outputs, depth, _BatchNorm, GELUTanh, head_dim, fewer_norm=index == 2
            )
            for index, (inputs, outputs, depth) in enumerate(
                zip(widths[:-2], widths[1:-1], depths[1:-1], strict=True)
            )
        ]
        stages.append(AttentionStage(widths[-2], widths[-1], depths[-1], head_dim))
        self.stages = nn.ModuleList(stages)
        self.neck = Neck(widths[2:], embedding_dim, neck_depth)
        self.norm = LayerNorm2d(embedding_dim)

    def forward(self, image: Tensor) -> Tensor:
        """Encode normalised, padded images."""
        features = self.stem(image)
        scales: list[Tensor] = []
        for stage in self.stages:
            features = stage(features)
            scales.append(features)
        encoded: Tensor = self.norm(self.neck(scales[1:]))
        return encoded


class AttentionStage(nn.Module):
    """A step down, then blocks of global attention and local convolution."""

    def __init__(self, inputs: int, outputs: int, depth: int, head_dim: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = [ResidualBlock(_inverted(inputs, outputs, expand=24, stride=2))]
        blocks += [AttentionBlock(outputs, head_dim) for _ in range(depth)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, features: Tensor) -> Tensor:
        """Halve the grid and let it attend."""
        answered: Tensor = self.blocks(features)
        return answered


class AttentionBlock(nn.Module):
    """Global linear attention, then an inverted residual for what is local."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.context_module = ResidualBlock(LinearAttention(width, head_dim), nn.Identity())
        self.local_module = ResidualBlock(_inverted(width, width, expand=6), nn.Identity())

    def forward(self, features: Tensor) -> Tensor:
        """Mix (B, C, H, W)."""
        mixed: Tensor = self.local_module(self.context_module(features))
        return mixed


class LinearAttention(nn.Module):
    """Multi-scale attention with ReLU in the place of softmax, so that its cost grows with the pixels only.

    With f = ReLU: O_i = f(Q_i) (Σ_j f(K_j)ᵀ V_j) / (f(Q_i) Σ_j f(K_j)ᵀ). Half of the heads see queries, keys
    and values that were first aggregated over 5×5 neighbours.
    """

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        heads = width // head_dim
        fused = 3 * heads * head_dim
        self.qkv = ConvNormAct(width, fused, 1, norm_layer=None, act_layer=None)
        self.aggreg = nn.Sequential(
            nn.Conv2d(fused, fused, 5, padding=2, groups=fused, bias=False),
            nn.Conv2d(fused, fused, 1, groups=3 * heads, bias=False),
        )
        self.proj = ConvNormAct(2 * heads * head_dim, width, 1, norm_layer=_BatchNorm, act_layer=None)

    def forward(self, features: Tensor) -> Tensor:
        """Attend over (B, C, H, W)."""
        batch, _, rows, columns = features.shape
        own = self.qkv(features)
        both = torch.cat([own, self.aggreg(own)], dim=1)
        # Head after head: query, key and value of one, then of the next.
        query, key, value = both.reshape(batch, -1, 3, self.head_dim, rows * columns).unbind(2)
        attended = self._attend(functional.relu(query), functional.relu(key), value)
        projected: Tensor = self.proj(attended.reshape(batch, -1, rows, columns))
        return projected

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, heads, d, N) each → (B, heads, d, N); in float32, since the sums over N overflow a half."""
        device = query.device.type  # of meta tensors, whose products are only counted, nothing is cast
        has_casts = torch.amp.is_autocast_available(device)
        with torch.autocast(device_type=device if has_casts else "cpu", enabled=False):
            query, key, value = query.float(), key.float(), value.float()
            summed = value @ key.transpose(-1, -2)
            weight = key.sum(-1, keepdim=True).transpose(-1, -2) @ query
            return (summed @ query) / weight.clamp(min=_SMALLEST)


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


def _inverted(inputs: int, outputs: int, expand: int, stride: int = 1) -> nn.Module:
    """Return an inverted residual that is normalised only at its end."""
    block: nn.Module = MBConv(
        inputs,
        outputs,
        stride=stride,
        expand_ratio=expand,
        use_bias=(True, True, False),
        norm_layer=(None, None, _BatchNorm),
        act_layer=(GELUTanh, GELUTanh, None),
    )
    return block
