"""ESP-MedSAM's modality controller: attention blocks that every kind of image enters with a bag of its own.

A bag holds, for each block, learned keys and values that the attention sees beside the image's own, and an
expert perceptron beside the shared one (arXiv 2407.14153, section III-B).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Portion(nn.Module):
    """What one kind of image brings to one block.

    It begins with hardly any effect: its values and the expert's last layer are 0.

    Parameters
    ----------
    dim, tokens, width : int
        Channels, learned keys and values, and hidden units of the expert.
    """

    def __init__(self, dim: int, tokens: int, width: int) -> None:
        super().__init__()
        self.key = nn.Parameter(torch.randn(tokens, dim) * dim**-0.5)
        self.value = nn.Parameter(torch.zeros(tokens, dim))
        self.enter = nn.Parameter(torch.randn(width, dim) * dim**-0.5)
        self.enter_bias = nn.Parameter(torch.zeros(width))
        self.leave = nn.Parameter(torch.zeros(dim, width))
        self.leave_bias = nn.Parameter(torch.zeros(dim))

    def parts(self) -> tuple[Tensor, ...]:
        """Return keys, values and the expert's two layers, in the order that `Block` takes them."""
        return self.key, self.value, self.enter, self.enter_bias, self.leave, self.leave_bias


class Bag(nn.Module):
    """The portions of one kind of image, one for each block."""

    def __init__(self, blocks: int, dim: int, tokens: int, width: int) -> None:
        super().__init__()
        self.portions = nn.ModuleList(Portion(dim, tokens, width) for _ in range(blocks))


class Block(nn.Module):
    """h = μ + A + Φ(LN A) + Φ_kind(LN A), A = attention to [K; w_key] and [V; w_value].

    A depthwise convolution between attention and perceptron tells where things are, as in TinyViT.

    Parameters
    ----------
    dim, heads : int
        Channels and attention heads.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.local = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.middle = nn.LayerNorm(dim)
        self.enter = nn.Linear(dim, 2 * dim)
        self.leave = nn.Linear(2 * dim, dim)

    def forward(self, maps: Tensor, portion: Sequence[Tensor] | None) -> Tensor:
        """Change (B, C, g, g) maps; `portion` holds each image's own (B, …) parts, or there are no bags."""
        batch, dim, rows, columns = maps.shape
        tokens = maps.flatten(2).transpose(1, 2)
        attended = tokens + self.proj(self._attention(self.norm(tokens), portion))
        grid = attended.transpose(1, 2).reshape(batch, dim, rows, columns)
        mixed = (grid + self.local(grid)).flatten(2).transpose(1, 2)
        normed = self.middle(mixed)
        answered: Tensor = mixed + self.leave(functional.gelu(self.enter(normed)))
        if portion is not None:
            _, _, enter, enter_bias, leave, leave_bias = portion
            hidden = functional.gelu(normed @ enter.transpose(1, 2) + enter_bias.unsqueeze(1))
            answered = answered + hidden @ leave.transpose(1, 2) + leave_bias.unsqueeze(1)
        return answered.transpose(1, 2).reshape(batch, dim, rows, columns)

    def _attention(self, tokens: Tensor, portion: Sequence[Tensor] | None) -> Tensor:
        query, key, value = self.qkv(tokens).chunk(3, dim=-1)
        if portion is not None:
            key, value = torch.cat([key, portion[0]], dim=1), torch.cat([value, portion[1]], dim=1)
        query, key, value = (self._by_head(part) for part in (query, key, value))
        # Spelt out, since the fused kernel's memory layout does not survive the export to ONNX.
        weights = (query @ key.transpose(-2, -1) * key.shape[-1] ** -0.5).softmax(-1)
        attended: Tensor = (weights @ value).transpose(1, 2).flatten(2)
        return attended

    def _by_head(self, tokens: Tensor) -> Tensor:
        batch, count, dim = tokens.shape
        return tokens.reshape(batch, count, self.heads, dim // self.heads).transpose(1, 2)


class Controller(nn.Module):
    """(B, channels, g, g) of any kind → (B, dim, g, g) as its own kind sees it.

    Parameters
    ----------
    channels, dim : int
        Of the trunk's embedding, and of what comes out.
    blocks, heads : int
        How many blocks, and heads in each.
    kinds : int
        K; 0 has no bags and treats all images alike.
    tokens, width : int
        Of each portion.
    """

    def __init__(
        self, channels: int, dim: int, blocks: int, heads: int, kinds: int, tokens: int, width: int
    ) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels, dim, 1)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(blocks))
        self.bags = nn.ModuleList(Bag(blocks, dim, tokens, width) for _ in range(kinds))

    def forward(self, embedding: Tensor, kind: Tensor) -> Tensor:
        """Change embeddings; `kind` (B,) says what each image is."""
        maps: Tensor = self.narrow(embedding)
        for number, block in enumerate(self.blocks):
            maps = block(maps, self._portions(number, kind))
        return maps

    def _portions(self, number: int, kind: Tensor) -> list[Tensor] | None:
        """Return the parts of a block's portions for each image, (B, …) each."""
        if not len(self.bags):
            return None
        every = [bag.portions[number].parts() for bag in self.bags]  # type: ignore[index, union-attr]
        return [torch.stack(parts).index_select(0, kind) for parts in zip(*every, strict=True)]
