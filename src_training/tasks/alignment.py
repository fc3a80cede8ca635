"""TS-KD's pre-training: the student's hidden layers and predictions become the adapted teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from src_training.augment import changed
from src_training.automatic import class_scores
from src_training.batches import normalised
from src_training.draws import Stream
from src_training.hidden import blocks, places, width
from src_training.losses.alignment import hidden_loss, prediction_loss
from src_training.losses.features import feature_loss
from src_training.picture_batch import PictureBatch
from src_training.views import View, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.draws import Draws
    from src_training.knowledge import Knowledge
    from src_training.scenes import Scene


@dataclass(frozen=True, slots=True, eq=False)
class AlignmentBatch(PictureBatch):
    """Whole pictures and what the teacher knows of them.

    Parameters
    ----------
    images : Tensor (B, 3, S, S)
        Normalised for the student, its colours changed.
    scores : Tensor (B, 1 + K, h, h)
        The teacher's class scores.
    embedding : Tensor (B, C, g, g)
        The teacher's embedding.
    inside : Tensor (B, 1, h, h)
        How much of each cell of the answer shows the picture, 0 to 1.
    hidden : tuple of Tensor (B, C_j, g, g)
        The teacher's hidden layers.
    """

    images: Tensor
    scores: Tensor
    embedding: Tensor
    inside: Tensor
    hidden: tuple[Tensor, ...]


class AlignmentStream(Stream[AlignmentBatch]):
    """Draws batches of whole pictures with what the teacher knows of them, by seed and step alone.

    The teacher saw every picture once, as it is. Student and teacher are mirrored and turned alike; only the
    student's colours change.

    Parameters
    ----------
    scenes : sequence of Scene
        The transfer set; it may be filled until the first batch is drawn.
    knowledge : Knowledge
        Of each of them.
    card : ModelCard
        The student's.
    draws : Draws
        How many pictures, by what chance.
    turns : bool
        Whether pictures may be mirrored and turned by quarters.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        knowledge: Knowledge,
        card: ModelCard,
        draws: Draws,
        turns: bool = True,
    ) -> None:
        self._scenes, self._knowledge, self._card = scenes, knowledge, card
        self._draws, self._turns = draws, turns

    def batch(self, step: int) -> AlignmentBatch:
        """Return the batch of one step."""
        rng = self._draws.chance(step, 7)
        chosen = rng.integers(len(self._scenes), size=self._draws.size)
        drawn = [self._one(int(index), rng) for index in chosen]
        images, scores, embedding, inside, *hidden = (torch.stack(maps) for maps in zip(*drawn, strict=True))
        return AlignmentBatch(images, scores, embedding, inside, tuple(hidden))

    def _one(self, index: int, rng: Generator) -> list[Tensor]:
        scene = self._scenes[index]
        known = self._knowledge.of(scene)
        size, side = self._card.preprocessing.size, self._card.architecture.logit_side
        view = cut(scene.picture, (0, 0, max(scene.picture.objects.shape)), [], size, side)
        image = normalised(View(changed(view.image, rng), view.inside, view.targets), self._card)
        inside = functional.adaptive_avg_pool2d(view.inside, side)
        quarters, mirrored = (int(rng.integers(4)), bool(rng.integers(2))) if self._turns else (0, False)
        maps = (image, known.scores, known.embedding, inside, *known.hidden)
        return [_turned(one, quarters, mirrored) for one in maps]


class AlignmentTask(nn.Module):
    """λ_h·L_h + λ_p·L_p; the projections from the student's width to the teacher's live here alone.

    Parameters
    ----------
    student : PromptableModel
        What learns; its encoder tells its hidden tokens.
    widths : sequence of int
        Channels of the teacher's hidden layers; as many of the student's blocks are aligned, evenly spread.
    hidden, prediction : float
        λ_h and λ_p.
    temperature, dice : float
        T and β of the predictions.
    """

    def __init__(
        self,
        student: PromptableModel,
        widths: Sequence[int],
        hidden: float = 1.0,
        prediction: float = 1.0,
        temperature: float = 2.0,
        dice: float = 0.5,
    ) -> None:
        super().__init__()
        self.student = student
        own = blocks(student.image_encoder)
        self._places = places(len(own), len(widths))
        self.projections = nn.ModuleList(
            nn.Linear(width(own[place - 1]), wide) for place, wide in zip(self._places, widths, strict=True)
        )
        self._hidden, self._prediction = hidden, prediction
        self._temperature, self._dice = temperature, dice

    def scores(self, images: Tensor) -> Tensor:
        """Return (B, 1 + K, h, h) class scores, the background first."""
        return class_scores(self.student, self.student.encode(images))

    def forward(self, batch: AlignmentBatch) -> dict[str, Tensor]:
        """Return ``loss`` and its two parts."""
        encoder: Any = self.student.image_encoder
        embedding, tokens = encoder.forward_hidden(batch.images, self._places)
        ours = [project(maps).float() for project, maps in zip(self.projections, tokens, strict=True)]
        theirs = [maps.permute(0, 2, 3, 1) for maps in batch.hidden]
        inside = functional.adaptive_avg_pool2d(batch.inside, embedding.shape[-1])
        hidden = hidden_loss(ours, theirs, inside)
        scores = class_scores(self.student, (embedding,)).float()
        prediction = prediction_loss(scores, batch.scores, batch.inside, self._temperature, self._dice)
        loss = self._hidden * hidden + self._prediction * prediction
        return {"loss": loss, "hidden": hidden, "prediction": prediction}


class EmbeddingTask(nn.Module):
    """Mean squared difference of the embeddings: distillation that knows no task, the paper's control.

    Parameters
    ----------
    student : PromptableModel
        Its image encoder learns.
    """

    def __init__(self, student: PromptableModel) -> None:
        super().__init__()
        self.student = student

    def forward(self, batch: AlignmentBatch) -> dict[str, Tensor]:
        """Return ``loss``."""
        embedding = self.student.encode(batch.images)[0].float()
        inside = functional.adaptive_avg_pool2d(batch.inside, embedding.shape[-1])
        return {"loss": feature_loss(embedding, batch.embedding, inside)}


def _turned(maps: Tensor, quarters: int, mirrored: bool) -> Tensor:
    maps = torch.rot90(maps, quarters, (-2, -1))
    return maps.flip(-1) if mirrored else maps
