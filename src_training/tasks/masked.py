"""Masked autoencoding: a plain ViT guesses most patches of a picture from the others (a control of TS-KD).

Reference: He et al., "Masked Autoencoders Are Scalable Vision Learners" (2022), section 3. Deviation: a
decoder of two blocks and half the width, since the encoder is a ViT-Tiny.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from timm.models.vision_transformer import Block
from torch import nn
from torch.nn import functional

from src_training.draws import Stream
from src_training.losses.reconstruction import patches, reconstruction_loss
from src_training.picture_batch import PictureBatch
from src_training.tasks.classes import drawn, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.draws import Draws
    from src_training.scenes import Scene

_HEAD = 32  # channels of each attention head of the decoder
_DEPTH = 2
_COLOURS = 3


@dataclass(frozen=True, slots=True, eq=False)
class MaskedBatch(PictureBatch):
    """Pictures, and the order in which their patches are hidden.

    Parameters
    ----------
    images : Tensor (B, 3, S, S)
        Normalised for the student.
    order : Tensor (B, N)
        A permutation of each picture's patches: the first ones are shown, the others hidden.
    inside : Tensor (B, N)
        How much of each patch shows the picture, 0 to 1.
    """

    images: Tensor
    order: Tensor
    inside: Tensor


class MaskedStream(Stream[MaskedBatch]):
    """Draws views of scenes and which patches to hide, by seed and step alone.

    Parameters
    ----------
    scenes : sequence of Scene
        The transfer set; it may be filled until the first batch is drawn.
    card : ModelCard
        The student's.
    draws : Draws
        How many pictures, by what chance.
    turns : bool
        Whether pictures may be mirrored and turned by quarters.
    """

    def __init__(self, scenes: Sequence[Scene], card: ModelCard, draws: Draws, turns: bool = True) -> None:
        self._scenes, self._card = scenes, card
        self._draws, self._turns = draws, turns

    def batch(self, step: int) -> MaskedBatch:
        """Return the batch of one step."""
        rng, grid = self._draws.chance(step, 8), self._card.architecture.grid
        chosen = rng.integers(len(self._scenes), size=self._draws.size)
        views = [drawn(self._scenes[int(index)].picture, rng, self._card, 0, self._turns) for index in chosen]
        batch = stacked(views, self._card)
        order = np.stack([rng.permutation(grid * grid) for _ in views])
        inside = functional.adaptive_avg_pool2d(batch.inside, grid).flatten(1)
        return MaskedBatch(batch.images, torch.from_numpy(order), inside)


class MaskedTask(nn.Module):
    """Mean squared error of the patches that were not shown; the decoder lives here alone.

    Parameters
    ----------
    student : PromptableModel
        Its image encoder learns; it must be a plain ViT.
    hidden : float
        Share of the patches that are not shown.
    grid : int
        Patches along a side of a picture.
    """

    def __init__(self, student: PromptableModel, hidden: float, grid: int) -> None:
        super().__init__()
        self.student = student
        encoder: Any = student.image_encoder
        self._patch, width = encoder.patch, encoder.trunk.embed_dim
        self._shown = max(1, round((1 - hidden) * grid * grid))
        own = max(_HEAD, width // 2 // _HEAD * _HEAD)
        self.narrow = nn.Linear(width, own)
        self.unknown = nn.Parameter(torch.zeros(1, 1, own))
        self.positions = nn.Parameter(0.02 * torch.randn(1, grid * grid, own))
        self.blocks = nn.Sequential(*(Block(own, own // _HEAD, qkv_bias=True) for _ in range(_DEPTH)))
        self.guess = nn.Sequential(nn.LayerNorm(own), nn.Linear(own, _COLOURS * self._patch**2))

    def forward(self, batch: MaskedBatch) -> dict[str, Tensor]:
        """Return ``loss``."""
        encoder: Any = self.student.image_encoder
        trunk = encoder.trunk
        tokens = trunk._pos_embed(trunk.patch_embed(batch.images))
        shown, order = batch.order[:, : self._shown], batch.order.argsort(1)
        tokens = trunk.norm(trunk.blocks(trunk.norm_pre(_taken(tokens, shown))))
        tokens = self.narrow(tokens)
        unknown = self.unknown.to(tokens.dtype).expand(len(tokens), order.shape[1] - self._shown, -1)
        whole = _taken(torch.cat([tokens, unknown], dim=1), order) + self.positions
        guessed = self.guess(self.blocks(whole)).float()
        hidden = (order >= self._shown).float() * batch.inside
        return {"loss": reconstruction_loss(guessed, patches(batch.images, self._patch), hidden)}


def _taken(tokens: Tensor, indices: Tensor) -> Tensor:
    """Return the tokens (B, M, C) of (B, N, C) at `indices` (B, M)."""
    return tokens.gather(1, indices[..., None].expand(-1, -1, tokens.shape[2]))
