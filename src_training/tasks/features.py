"""Feature distillation: the student's embedding of a whole picture becomes the teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from src_training.augment import changed
from src_training.batches import normalised
from src_training.losses.features import feature_loss
from src_training.views import View, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.pictures import Picture
    from src_training.teacher import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBatch:
    """Whole pictures and what the teacher's encoder made of them.

    Parameters
    ----------
    images : Tensor (B, 3, S, S)
        Normalised for the student, its colours changed.
    embeddings : Tensor (B, C, g, g)
        The teacher's, of the unchanged picture.
    inside : Tensor (B, 1, g, g)
        Share of each cell that shows the picture.
    """

    images: Tensor
    embeddings: Tensor
    inside: Tensor

    @property
    def weight(self) -> int:
        """What a piece counts for in the mean over a batch: its pictures."""
        return len(self.images)

    def pieces(self, count: int) -> list[FeatureBatch]:
        """Split into `count` smaller batches, where it has as many pictures."""
        count = min(count, len(self.images))
        parts = (torch.tensor_split(maps, count) for maps in (self.images, self.embeddings, self.inside))
        return [FeatureBatch(*part) for part in zip(*parts, strict=True)]

    def to(self, device: torch.device) -> FeatureBatch:
        """Return it on a device, in the order of pixels in which convolutions are fastest."""
        images = self.images.to(device, memory_format=torch.channels_last)
        return FeatureBatch(images, self.embeddings.to(device), self.inside.to(device))


class FeatureStream:
    """Draws batches of whole pictures with their lessons, by seed and step alone.

    Parameters
    ----------
    pictures, lessons : sequence
        The pool and what the teacher said of each.
    card : ModelCard
        The student's.
    batch_size, seed : int
        Pictures in a batch, and where chance starts.
    rank, world : int
        Which of how many processes this is.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        lessons: Sequence[Lesson],
        card: ModelCard,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._pictures, self._lessons, self._card = pictures, lessons, card
        self._size, self._seed, self._process = batch_size, seed, (rank, world)

    def __call__(self, first: int) -> Iterator[FeatureBatch]:
        """Yield the batches from step `first` on, without end."""
        step = first
        while True:
            rng = np.random.default_rng((self._seed, step, 2, *self._process))
            chosen = rng.integers(len(self._pictures), size=self._size)
            drawn = [self._one(int(index), rng) for index in chosen]
            yield FeatureBatch(*(torch.stack(maps) for maps in zip(*drawn, strict=True)))
            step += 1

    def _one(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        picture, lesson = self._pictures[index], self._lessons[index]
        size = self._card.preprocessing.size
        view = cut(picture, (0, 0, max(picture.objects.shape)), [], size, size)
        image = normalised(View(changed(view.image, rng), view.inside, view.targets), self._card)
        embedding = torch.from_numpy(lesson.embedding.astype(np.float32))
        inside = torch.from_numpy(lesson.inside.astype(np.float32))[None]
        return image, embedding, inside


class FeatureTask(nn.Module):
    """Mean squared difference of the embeddings (MobileSAM, Zhang et al. 2023; LiteMedSAM's own first stage).

    Parameters
    ----------
    student : PromptableModel
        What learns.
    """

    def __init__(self, student: PromptableModel) -> None:
        super().__init__()
        self.student = student

    def forward(self, batch: FeatureBatch) -> dict[str, Tensor]:
        """Return ``loss``."""
        embedding = self.student.encode(batch.images)[0].float()
        return {"loss": feature_loss(embedding, batch.embeddings, batch.inside)}
