"""TinyViT as LiteMedSAM, MobileSAM and TinySAM use it: four stages, the last without down-sampling.

Reference: Wu et al., "TinyViT: Fast Pretraining Distillation for Small Vision Transformers" (2022), §3 and
the 5M configuration; Zhang et al., "Faster Segment Anything" (2023) for the neck and the stride of 1 at the
end. Parameter names follow the published checkpoints, so that their state dicts load as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from segment_anything.modeling.common import LayerNorm2d
from torch import nn
from torch.nn import functional

from napari_medkd.models.encoders import encoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@encoders.register("tiny_vit")
def tiny_vit(
    stem: Literal["conv3", "conv1"] = "conv3",
    widths: Sequence[int] = (64, 128, 160, 320),
    depths: Sequence[int] = (2, 2, 6, 2),
    heads: Sequence[int] = (2, 4, 5, 10),
    windows: Sequence[int] = (7, 7, 14, 7),
    embedding_dim: int = 256,
) -> nn.Module:
    """Build a TinyViT image encoder; the defaults are the 5M network of MobileSAM.

    Parameters
    ----------
    stem : "conv3" or "conv1"
        Two 3×3 convolutions of stride 2 (MobileSAM, TinySAM: the embedding has S / 16 rows and columns), or
        two 1×1 of stride 1 (LiteMedSAM: S / 4).
    widths, depths, heads, windows : sequence of 4 int
        Channels, blocks, attention heads and window side of each stage; the first stage is convolutional.
    embedding_dim : int
        Channels of the embedding.
    """
    return TinyViT(stem, widths, depths, heads, windows, embedding_dim)


class TinyViT(nn.Module):
    """(B, 3, S, S) → (B, embedding_dim, g, g); see `tiny_vit`."""

    def __init__(
        self,
        stem: str,
        widths: Sequence[int],
        depths: Sequence[int],
        heads: Sequence[int],
        windows: Sequence[int],
        embedding_dim: int,
    ) -> None:
        super().__init__()
        self.patch_embed = _Stem(widths[0], kernel=3 if stem == "conv3" else 1)
        # The network was made for classification with a stride of 32; segmentation keeps the last stage fine.
        strides = (2, 2, 1)
        stages: list[nn.Module] = []
        for index, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks: list[nn.Module] = [
                _MBConv(width) if index == 0 else _Block(width, heads[index], windows[index])
                for _ in range(depth)
            ]
            last = index == len(widths) - 1
            merge = None if last else _Merging(width, widths[index + 1], strides[index])
            stages.append(_Stage(blocks, merge))
        self.layers = nn.ModuleList(stages)
        self.neck = nn.Sequential(
            nn.Conv2d(widths[-1], embedding_dim, 1, bias=False),
            LayerNorm2d(embedding_dim),
            nn.Conv2d(embedding_dim, embedding_dim, 3, padding=1, bias=False),
            LayerNorm2d(embedding_dim),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Encode normalised, padded images."""
        features: Tensor = self.patch_embed(image)
        for stage in self.layers:
            features = stage(features)
        encoded: Tensor = self.neck(features)
        return encoded


class _ConvNorm(nn.Sequential):
    """A convolution without bias and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.add_module("c", convolution)
        self.add_module("bn", nn.BatchNorm2d(outputs))


class _Stem(nn.Module):
    """Two convolutions from pixels to the first stage; stride 2 each where they are 3×3, else 1."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        stride = 2 if kernel == 3 else 1
        self.seq = nn.Sequential(
            _ConvNorm(3, width // 2, kernel, stride), nn.GELU(), _ConvNorm(width // 2, width, kernel, stride)
        )

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.seq(image)
        return features


class _MBConv(nn.Module):
    """Inverted residual: expand four times, depthwise 3×3, project."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _ConvNorm(width, 4 * width)
        self.conv2 = _ConvNorm(4 * width, 4 * width, kernel=3, groups=4 * width)
        self.conv3 = _ConvNorm(4 * width, width)

    def forward(self, features: Tensor) -> Tensor:
        expanded = functional.gelu(self.conv1(features))
        mixed = functional.gelu(self.conv2(expanded))
        return functional.gelu(features + self.conv3(mixed))


class _Merging(nn.Module):
    """Change width, then mix neighbours depthwise with a stride."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _ConvNorm(inputs, outputs)
        self.conv2 = _ConvNorm(outputs, outputs, kernel=3, stride=stride, groups=outputs)
        self.conv3 = _ConvNorm(outputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        widened = functional.gelu(self.conv1(features))
        merged: Tensor = self.conv3(functional.gelu(self.conv2(widened)))
        return merged


class _Stage(nn.Module):
    """Blocks at one resolution, then the step to the next."""

    def __init__(self, blocks: Sequence[nn.Module], merging: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = merging

    def forward(self, features: Tensor) -> Tensor:
        for block in self.blocks:
            features = block(features)
        return features if self.downsample is None else self.downsample(features)


class _Block(nn.Module):
    """Window attention, a depthwise convolution that lets windows talk, and a perceptron."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = _WindowAttention(width, heads, window)
        self.local_conv = _ConvNorm(width, width, kernel=3, groups=width)
        self.mlp = _Perceptron(width)

    def forward(self, features: Tensor) -> Tensor:
        tokens = features.permute(0, 2, 3, 1)
        tokens = tokens + self._attend(tokens)
        mixed = self.local_conv(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        answered: Tensor = mixed + self.mlp(mixed)
        return answered.permute(0, 3, 1, 2)

    def _attend(self, tokens: Tensor) -> Tensor:
        """Attend inside windows; the right and bottom are zero-padded to whole windows, as in training."""
        batch, rows, columns, width = tokens.shape
        side = self.window
        tokens = functional.pad(tokens, (0, 0, 0, -columns % side, 0, -rows % side))
        down, across = tokens.shape[1] // side, tokens.shape[2] // side
        windows = tokens.reshape(batch, down, side, across, side, width).transpose(2, 3)
        attended = self.attn(windows.reshape(-1, side * side, width))
        grid = attended.reshape(batch, down, across, side, side, width).transpose(2, 3)
        whole: Tensor = grid.reshape(batch, down * side, across * side, width)[:, :rows, :columns]
        return whole


class _WindowAttention(nn.Module):
    """Self-attention in a window with a learned bias for each distance (rows apart, columns apart)."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        row, column = row.flatten(), column.flatten()
        apart = (row[:, None] - row).abs() * window + (column[:, None] - column).abs()
        self.bias_index: Tensor
        self.register_buffer("bias_index", apart, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        # The fused projection is laid out head after head (q, k and v of one head side by side).
        fused = self.qkv(self.norm(tokens)).reshape(batch, count, self.heads, 3, width // self.heads)
        query, key, value = fused.permute(3, 0, 2, 1, 4).unbind(0)
        bias = self.attention_biases[:, self.bias_index]
        # Spelt out, since the fused kernel's memory layout does not survive the export to ONNX.
        weights = (query @ key.transpose(-2, -1) * key.shape[-1] ** -0.5 + bias).softmax(-1)
        mixed = weights @ value
        projected: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        return projected


class _Perceptron(nn.Module):
    """Norm, expand four times, project."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        projected: Tensor = self.fc2(functional.gelu(self.fc1(self.norm(tokens))))
        return projected
