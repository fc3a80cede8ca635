"""Which kind of image it is, told from what a trunk sees in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Generator, Tensor

_RECENT = 0.05  # weight of a batch in what a row remembers of its kind
_LEAST = 1e-6  # of a variance


class Row(nn.Linear):
    """What speaks for one kind: (B, C) → (B, 1); and how images of the kind look, on average.

    The memory lets a row for another kind be learnt when images of this one are no longer at hand.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))

    @torch.no_grad()
    def remember(self, seen: Tensor) -> None:
        """Take in images of the kind, (B, C)."""
        self.spread.lerp_((seen - self.mean).abs().mean(0), _RECENT)
        self.mean.lerp_(seen.mean(0), _RECENT)

    def recall(self, count: int, chance: Generator) -> Tensor:
        """Draw how images of the kind might look, (count, C)."""
        drawn = torch.randn(count, len(self.mean), generator=chance).to(self.mean)
        return self.mean + self.spread * drawn


class Router(nn.Module):
    """(B, C, g, g) → log odds of the kinds (B, K), up to a constant.

    It looks at each channel's mean and spread over the grid. Its loss does not reach the trunk. Every kind is
    a row of its own, so that another can be added.

    Parameters
    ----------
    channels, kinds : int
        C and K.
    """

    def __init__(self, channels: int, kinds: int) -> None:
        super().__init__()
        self.rows = nn.ModuleList(Row(2 * channels) for _ in range(kinds))

    def forward(self, embedding: Tensor) -> Tensor:
        """Tell the kinds apart."""
        return self.tell(self.looked_at(embedding))

    def looked_at(self, embedding: Tensor) -> Tensor:
        """Return what the rows go by: (B, 2 C), of mean 0 and variance 1."""
        cells = embedding.detach().flatten(2)
        mean = cells.mean(2)
        spread = ((cells - mean.unsqueeze(2)) ** 2).mean(2).clamp(min=_LEAST).sqrt()
        seen = torch.cat([mean, spread], dim=1)
        return functional.layer_norm(seen, seen.shape[1:])

    def tell(self, seen: Tensor) -> Tensor:
        """Return the log odds (B, K) of what was `looked_at`."""
        return torch.cat([row(seen) for row in self.rows], dim=1)
