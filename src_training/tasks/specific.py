"""Specific distillation: what a bag makes of the embedding becomes the adapted teacher's (ESP-MedSAM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from src_training.losses.features import feature_loss
from src_training.tasks.features import FeatureBatch, FeatureStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.kinds import Kinds
    from src_training.pictures import Picture
    from src_training.teacher import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class SpecificBatch:
    """Whole pictures, what the adapted teacher's encoder made of them, and their kinds (B,)."""

    features: FeatureBatch
    kinds: Tensor

    @property
    def images(self) -> Tensor:
        """The pictures, (B, 3, S, S)."""
        return self.features.images

    @property
    def weight(self) -> int:
        """What a piece counts for in the mean over a batch: its pictures."""
        return self.features.weight

    def pieces(self, count: int) -> list[SpecificBatch]:
        """Split into `count` smaller batches, where it has as many pictures."""
        parts = self.features.pieces(count)
        kinds = torch.tensor_split(self.kinds, len(parts))
        return [SpecificBatch(*part) for part in zip(parts, kinds, strict=True)]

    def to(self, device: torch.device) -> SpecificBatch:
        """Return it on a device."""
        return SpecificBatch(self.features.to(device), self.kinds.to(device))


class SpecificStream:
    """Draws batches of pictures with their lessons and kinds, by seed and step alone.

    Parameters
    ----------
    pictures, lessons : sequence
        The pool and what the adapted teacher said of each; the lessons may be filled until the first batch.
    kinds : Kinds
        Which kind each data set is of.
    card : ModelCard
        The student's.
    batch_size, seed, rank : int
        As of `FeatureStream`.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        lessons: Sequence[Lesson],
        kinds: Kinds,
        card: ModelCard,
        batch_size: int,
        seed: int,
        rank: int = 0,
    ) -> None:
        self._pictures, self._kinds, self._seed = pictures, kinds, seed
        self._stream = FeatureStream(pictures, lessons, card, batch_size, seed, rank)

    def __call__(self, first: int) -> Iterator[SpecificBatch]:
        """Yield the batches from step `first` on, without end."""
        for step, batch in enumerate(self._stream(first), start=first):
            drawn = (self._stream.place(step, int(number)) for number in batch.numbers)
            kinds = [self._kinds.of_set[self._pictures[index].set] for index in drawn]
            yield SpecificBatch(batch, torch.tensor(kinds))


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
        return {"loss": feature_loss(ours, batch.features.embeddings, batch.features.inside)}
