"""Feature distillation: the student's embedding of a whole picture becomes the teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from src_training.augment import changed
from src_training.batches import normalised
from src_training.draws import Stream
from src_training.losses.features import feature_loss
from src_training.picture_batch import PictureBatch
from src_training.views import View, cut, stretched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.draws import Draws
    from src_training.perception import Perception
    from src_training.pictures import Picture
    from src_training.teacher import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBatch(PictureBatch):
    """Whole pictures and what the teacher's encoder made of them.

    Parameters
    ----------
    images : Tensor (B, 3, S, S)
        Normalised for the student, its colours changed.
    embeddings : Tensor (B, C, g, g)
        The teacher's, of the unchanged picture.
    inside : Tensor (B, 1, g, g)
        Share of each cell that shows the picture.
    numbers : Tensor (B,)
        Which of the step's pictures each one is, over all processes.
    """

    images: Tensor
    embeddings: Tensor
    inside: Tensor
    numbers: Tensor


class FeatureStream(Stream[FeatureBatch]):
    """Draws batches of whole pictures with their lessons, by seed and step alone.

    Each process draws its own pictures of the step, the ones that a single process with a batch of all of
    them would draw.

    Parameters
    ----------
    pictures, lessons : sequence
        The pool and what the teacher said of each.
    card : ModelCard
        The student's.
    draws : Draws
        How many pictures, by what chance.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        lessons: Sequence[Lesson],
        card: ModelCard,
        draws: Draws,
    ) -> None:
        self._pictures, self._lessons, self._card = pictures, lessons, card
        self._draws = draws
        self._numbers = range(draws.rank * draws.size, (draws.rank + 1) * draws.size)

    def batch(self, step: int) -> FeatureBatch:
        """Return the batch of one step."""
        drawn = [self._one(step, number) for number in self._numbers]
        images, embeddings, inside = (torch.stack(maps) for maps in zip(*drawn, strict=True))
        return FeatureBatch(images, embeddings, inside, torch.tensor(self._numbers))

    def place(self, step: int, number: int) -> int:
        """Return which picture of the pool is the `number`-th of a step."""
        return int(self._chance(step, number).integers(len(self._pictures)))

    def _chance(self, step: int, number: int) -> Generator:
        return self._draws.common(step, 2, number)

    def _one(self, step: int, number: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = self._chance(step, number)
        index = int(rng.integers(len(self._pictures)))
        picture, lesson = self._pictures[index], self._lessons[index]
        if self._card.preprocessing.fit == "stretch":
            picture = stretched(picture)
        size = self._card.preprocessing.size
        view = cut(picture, (0, 0, max(picture.objects.shape)), [], size, size)
        image = normalised(View(changed(view.image, rng), view.inside, view.targets), self._card)
        embedding = torch.from_numpy(lesson.embedding.astype(np.float32))
        inside = torch.from_numpy(lesson.inside.astype(np.float32))[None]
        return image, embedding, inside


class FeatureTask(nn.Module):
    """Mean squared difference of the embeddings (MobileSAM, Zhang et al. 2023; LiteMedSAM's own first stage).

    With a `perception`, L = L_MSE / `scale` + `weight` · L_P, the loss of KD-SAM's first stage.

    Parameters
    ----------
    student : PromptableModel
        What learns.
    perception : Perception, optional
        What compares the embeddings besides.
    weight : float
        λ_P.
    scale : float
        Variance of the teacher's embeddings, so that both parts are 1 for a student that knows nothing.
    """

    def __init__(
        self,
        student: PromptableModel,
        perception: Perception | None = None,
        weight: float = 1.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.student = student
        self._perception, self._weight, self._scale = perception, weight, scale

    def forward(self, batch: FeatureBatch) -> dict[str, Tensor]:
        """Return ``loss``, and its parts where there are two."""
        embedding = self.student.encode(batch.images)[0].float()
        loss = feature_loss(embedding, batch.embeddings, batch.inside) / self._scale
        if self._perception is None:
            return {"loss": loss}
        perceived = self._perception(embedding, batch.embeddings, batch.inside, batch.numbers)
        return {"loss": loss + self._weight * perceived, "mse": loss, "perceptual": perceived}
