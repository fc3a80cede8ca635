"""Specific distillation: what a bag makes of the embedding becomes the adapted teacher's (ESP-MedSAM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from src_training.draws import Stream
from src_training.losses.features import feature_loss
from src_training.tasks.features import FeatureBatch, FeatureStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.draws import Draws
    from src_training.kinds import Kinds
    from src_training.pictures import Picture
    from src_training.teacher import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class SpecificBatch(FeatureBatch):
    """Whole pictures, what the adapted teacher's encoder made of them, and their kinds (B,)."""

    kinds: Tensor


class SpecificStream(Stream[SpecificBatch]):
    """Draws batches of pictures with their lessons and kinds, by seed and step alone.

    Parameters
    ----------
    pictures, lessons : sequence
        The pool and what the adapted teacher said of each; the lessons may be filled until the first batch.
    kinds : Kinds
        Which kind each data set is of.
    card, draws
        As of `FeatureStream`.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        lessons: Sequence[Lesson],
        kinds: Kinds,
        card: ModelCard,
        draws: Draws,
    ) -> None:
        self._pictures, self._kinds = pictures, kinds
        self._features = FeatureStream(pictures, lessons, card, draws)

    def batch(self, step: int) -> SpecificBatch:
        """Return the batch of one step."""
        plain = self._features.batch(step)
        places = [self._features.place(step, int(number)) for number in plain.numbers]
        kinds = torch.tensor([self._kinds.of_set[self._pictures[place].set] for place in places])
        return SpecificBatch(plain.images, plain.embeddings, plain.inside, plain.numbers, kinds)


class SpecificTask(nn.Module):
    """Mean squared difference of MC_k(x) and F_Med(x); the trunk keeps its weights and its statistics.

    Parameters
    ----------
    student : PromptableModel
        Its controller learns.
    channels : int
        Of the teacher's embedding; a linear map from the student's lives here alone.
    """

    def __init__(self, student: PromptableModel, channels: int) -> None:
        super().__init__()
        self.student = student
        controller: Any = student.mask_decoder.controller
        self.projection = nn.Conv2d(controller.narrow.out_channels, channels, 1)

    def train(self, mode: bool = True) -> SpecificTask:
        """Leave the trunk in evaluation mode."""
        super().train(mode)
        self.student.image_encoder.eval()
        return self

    def forward(self, batch: SpecificBatch) -> dict[str, Tensor]:
        """Return ``loss``."""
        with torch.no_grad():
            embedding = self.student.encode(batch.images)[0]
        controller: Any = self.student.mask_decoder.controller
        ours = self.projection(controller(embedding, batch.kinds)).float()
        return {"loss": feature_loss(ours, batch.embeddings, batch.inside)}
