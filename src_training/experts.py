"""A teacher's way to learn several kinds of image: tokens in every attention, a perceptron beside each other.

ESP-MedSAM's first stage (arXiv 2407.14153, section III-B): t learned keys and values are appended in every
attention, and Φ_tr works in parallel to each perceptron; all that was there before stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.encoders.tiny_vit import TinyViT

if TYPE_CHECKING:
    from torch import Tensor

_ADDED = "added_"


class TokenAttention(nn.Module):
    """Window attention that also sees learned keys and values.

    Parameters
    ----------
    base : nn.Module
        TinyViT's window attention.
    tokens : int
        t.
    """

    def __init__(self, base: Any, tokens: int) -> None:
        super().__init__()
        self.base = base
        width = base.proj.in_features // base.heads
        self.added_key = nn.Parameter(torch.randn(base.heads, tokens, width) * width**-0.5)
        self.added_value = nn.Parameter(torch.zeros(base.heads, tokens, width))
        self.added_bias = nn.Parameter(torch.zeros(base.heads, 1, tokens))

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend inside windows (B, N, C)."""
        base = self.base
        batch, count, width = tokens.shape
        fused = base.qkv(base.norm(tokens)).reshape(batch, count, base.heads, 3, width // base.heads)
        query, key, value = fused.permute(3, 0, 2, 1, 4).unbind(0)
        bias = base.attention_biases[:, base.bias_index]
        bias = torch.cat([bias, self.added_bias.expand(-1, count, -1)], dim=2)
        key = torch.cat([key, self.added_key.expand(batch, -1, -1, -1)], dim=2)
        value = torch.cat([value, self.added_value.expand(batch, -1, -1, -1)], dim=2)
        weights = (query @ key.transpose(-2, -1) * key.shape[-1] ** -0.5 + bias).softmax(-1)
        projected: Tensor = base.proj((weights @ value).transpose(1, 2).reshape(batch, count, width))
        return projected


class ParallelPerceptron(nn.Module):
    """A perceptron and, beside it, Φ_tr; the latter begins without effect.

    Parameters
    ----------
    base : nn.Module
        TinyViT's perceptron.
    width : int
        Hidden units of Φ_tr.
    """

    def __init__(self, base: Any, width: int) -> None:
        super().__init__()
        self.base = base
        channels = base.fc1.in_features
        self.added_norm = nn.LayerNorm(channels)
        self.added_enter = nn.Linear(channels, width)
        self.added_leave = nn.Linear(width, channels)
        nn.init.zeros_(self.added_leave.weight)
        nn.init.zeros_(self.added_leave.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Change tokens (…, C)."""
        hidden = functional.gelu(self.added_enter(self.added_norm(tokens)))
        changed: Tensor = self.base(tokens) + self.added_leave(hidden)
        return changed


def add_experts(encoder: nn.Module, tokens: int, width: int) -> nn.Module:
    """Put tokens and perceptrons into every attention block of an encoder, in place; returns it."""
    if not isinstance(encoder, TinyViT):
        raise InvalidSetting(
            f"The image encoder {type(encoder).__name__} takes no tokens.",
            "Choose a teacher with a TinyViT: LiteMedSAM, MobileSAM or TinySAM.",
        )
    for stage in encoder.layers:
        for block in stage.blocks:  # type: ignore[union-attr]
            if hasattr(block, "attn"):
                block.attn = TokenAttention(block.attn, tokens)
                block.mlp = ParallelPerceptron(block.mlp, width)
    return encoder


def added(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters that `add_experts` added: what a stage trains."""
    return tuple(name for name, _ in module.named_parameters() if f".{_ADDED}" in name)
