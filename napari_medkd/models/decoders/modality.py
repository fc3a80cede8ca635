"""ESP-MedSAM's query-decoupled modality decoder, behind its controller and its prompt generator.

Reference: "ESP-MedSAM: Efficient Self-Prompting SAM for Universal Domain-Generalized Medical Image
Segmentation" (arXiv 2407.14153). Beyond it: the user's prompts beside the model's own, finer maps of the
trunk for thin structures, and an answer to whether there is anything at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.mask_decoder import MLP
from torch import nn
from torch.nn import functional

from napari_medkd.models.decoders import decoders
from napari_medkd.models.modality.controller import Controller
from napari_medkd.models.modality.generator import PatchGenerator, PatchPrompter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_DEPTH = 2
_SUB = 2  # rows and columns of logits in one cell of the finest map


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What the decoder thinks of B images before it says it in one map.

    Parameters
    ----------
    logits : Tensor (B, 1, h, h)
        Where the target is, if there is one.
    patches : Tensor (B, 1, p, p) or None
        What the prompt generator thinks, as log odds; None without one.
    presence, overlap : Tensor (B, 1)
        Log odds that there is any of the target; predicted intersection over union, 0 to 1.
    controlled : Tensor (B, C, g, g)
        The embedding as the kind's bag makes it.
    """

    logits: Tensor
    patches: Tensor | None
    presence: Tensor
    overlap: Tensor
    controlled: Tensor

    @property
    def answer(self) -> Tensor:
        """Log odds of the pixels: none is surer to be the target than it is that there is one."""
        return torch.minimum(self.logits, self.presence[:, :, None, None])


class Query(nn.Module):
    """What is looked for in one kind of image: its token, and what turns the answered token into a mask.

    Parameters
    ----------
    dim, middle, fine : int
        Channels of the token and of the two maps that masks are made from.
    """

    def __init__(self, dim: int, middle: int, fine: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, dim) * 0.02)
        self.middle = MLP(dim, dim // 2, middle, 2)
        self.fine = MLP(dim, dim // 2, _SUB**2 * fine, 2) if fine else None
        self.judge = MLP(dim, dim // 2, 2, 2)

    def weights(self, token: Tensor) -> Tensor:
        """Turn answered tokens (B, C) into weights of both maps, log odds of presence, and overlap."""
        heads = [head for head in (self.middle, self.fine, self.judge) if head is not None]
        return torch.cat([head(token) for head in heads], dim=1)


@decoders.register("modality")
class ModalityDecoder(nn.Module):
    """Answers for the kind of image that the last features name: logits (P, 1, h, h), h = 16 g or 4 g.

    Parameters
    ----------
    dim : int
        Channels of prompts and queries.
    channels : int
        Channels of the trunk's embedding.
    skips : sequence of int
        Channels of the trunk's finer maps at 2, 4 and 8 times the grid; empty where it has none.
    kinds : int
        K.
    blocks, heads, tokens, expert : int
        Of the controller: its blocks and their heads; keys and values, and hidden units, of each bag.
    bags, generator, decoupled : bool
        Whether each kind has a bag, whether there is a self-patch prompt, and whether each kind has a query
        of its own: without one of them the network is an arm of the paper's ablation.
    levels : int
        Of the prompt generator.
    patches : str
        See `PatchPrompter`.
    """

    def __init__(
        self,
        dim: int = 128,
        channels: int = 256,
        skips: Sequence[int] = (64, 32, 16),
        kinds: int = 1,
        blocks: int = 2,
        heads: int = 4,
        tokens: int = 1,
        expert: int = 64,
        bags: bool = True,
        generator: bool = True,
        decoupled: bool = True,
        levels: int = 1,
        patches: Literal["hard", "straight-through", "soft"] = "hard",
    ) -> None:
        super().__init__()
        self.controller = Controller(channels, dim, blocks, heads, kinds if bags else 0, tokens, expert)
        self.generator = PatchGenerator(dim, levels) if generator else None
        self.prompter = PatchPrompter(dim, patches) if generator else None
        self.transformer = TwoWayTransformer(_DEPTH, dim, heads, 2 * dim)
        self.upscaling = Upscaling(dim, skips)
        middle, fine = self.upscaling.middle, self.upscaling.fine
        self.queries = nn.ModuleList(Query(dim, middle, fine) for _ in range(kinds if decoupled else 1))

    def forward(
        self, features: Sequence[Tensor], position: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answer as other decoders do; see `napari_medkd.models.decoders`."""
        found = self.find(features, position, sparse, dense)
        return found.answer, found.overlap

    def find(self, features: Sequence[Tensor], position: Tensor, sparse: Tensor, dense: Tensor) -> Findings:
        """Look for the target of each image's kind, with the user's prompts and the model's own."""
        embedding, *skips, odds = features
        kind = odds.argmax(1)
        controlled = self.controller(embedding, kind)
        source, patches = controlled + dense, None
        if self.generator is not None and self.prompter is not None:
            patches = self.generator(controlled)
            source = source + self.prompter(patches, controlled.shape[-1])
        prompts = max(len(sparse), len(source))
        source, kind = source.expand(prompts, -1, -1, -1), kind.expand(prompts)
        tokens = torch.cat([self._tokens(kind), sparse.expand(prompts, -1, -1)], dim=1)
        tokens, cells = self.transformer(source, position.expand(prompts, -1, -1, -1), tokens)
        source = source + cells.transpose(1, 2).reshape(source.shape)
        logits, presence, overlap = self._said(kind, tokens[:, 0], self.upscaling(source, skips))
        return Findings(logits, patches, presence, overlap, controlled)

    def _tokens(self, kind: Tensor) -> Tensor:
        """Return the query of each image, (B, 1, C)."""
        if len(self.queries) == 1:
            kind = torch.zeros_like(kind)
        return torch.stack([query.token for query in self.queries]).index_select(0, kind)  # type: ignore[misc]

    def _said(
        self, kind: Tensor, token: Tensor, maps: tuple[Tensor, Tensor | None]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, presence and overlap from the answered tokens (B, C)."""
        every = torch.stack([query.weights(token) for query in self.queries], dim=1)  # type: ignore[operator]
        chosen = kind if len(self.queries) > 1 else torch.zeros_like(kind)
        weights = every.gather(1, chosen[:, None, None].expand(-1, 1, every.shape[2]))[:, 0]
        middle, fine = maps
        first, second = self.upscaling.middle, self.upscaling.middle + _SUB**2 * self.upscaling.fine
        logits = torch.einsum("bc,bchw->bhw", weights[:, :first], middle).unsqueeze(1)
        if fine is not None:
            parts = weights[:, first:second].reshape(len(weights), _SUB**2, -1)
            finest = functional.pixel_shuffle(torch.einsum("bsc,bchw->bshw", parts, fine), _SUB)
            scale = finest.shape[-1] / logits.shape[-1]
            logits = functional.interpolate(logits, scale_factor=scale, mode="bilinear") + finest
        return logits, weights[:, second : second + 1], weights[:, second + 1 :].sigmoid()


class Upscaling(nn.Module):
    """(B, C, g, g) and finer maps of the trunk → (B, C/4, 4g, 4g) and, with finer maps, (B, C/8, 8g, 8g).

    Parameters
    ----------
    dim : int
        C.
    skips : sequence of int
        Channels of the finer maps, coarsest first; three, or none.
    """

    def __init__(self, dim: int, skips: Sequence[int]) -> None:
        super().__init__()
        self.middle, self.fine = dim // 4, dim // 8 if skips else 0
        widths = (dim // 2, dim // 4, dim // 8)[: 3 if skips else 2]
        entering = (dim, *widths[:-1])
        self.steps = nn.ModuleList(
            _Step(a, b, skip) for a, b, skip in zip(entering, widths, skips or (0, 0), strict=True)
        )

    def forward(self, source: Tensor, skips: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Scale up."""
        maps: list[Tensor] = []
        for number, step in enumerate(self.steps):
            source = step(source, skips[number] if skips else None)
            maps.append(source)
        return maps[1], maps[2] if skips else None


class _Step(nn.Module):
    """Twice the rows and columns, what the trunk saw there, and two 3×3 convolutions' worth of smoothing."""

    def __init__(self, entering: int, width: int, skip: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(entering, width, 2, stride=2)
        self.skip = nn.Conv2d(skip, width, 1) if skip else None
        self.norm = LayerNorm2d(width)
        self.smooth = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, source: Tensor, skip: Tensor | None) -> Tensor:
        """Scale (B, entering, h, h) up to (B, width, 2h, 2h)."""
        maps = self.up(source)
        if self.skip is not None and skip is not None:
            maps = maps + self.skip(skip)
        maps = self.norm(maps)
        return functional.relu(maps + self.smooth(maps))
