"""Classes of a whole picture, learnt from labels: TS-KD's teacher, and the last stage of its student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_medkd.models.decoders.prompt_free import log_odds
from src_training.augment import changed
from src_training.automatic import class_scores
from src_training.batches import normalised
from src_training.draws import Stream
from src_training.losses.segmentation import segmentation_loss
from src_training.picture_batch import PictureBatch
from src_training.pictures import weights
from src_training.views import View, cut, turned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.draws import Draws
    from src_training.pictures import Picture
    from src_training.scenes import Scene

_CROPPED, _SMALLEST = (
    0.7,
    0.6,
)  # share of views that show a part of the picture, and its least share of a side


@dataclass(frozen=True, slots=True, eq=False)
class ClassBatch(PictureBatch):
    """Pictures and how much of each cell belongs to each class.

    Parameters
    ----------
    images : Tensor (B, 3, S, S)
        Normalised for the network.
    shares : Tensor (B, K, h, h)
        Of the classes 1 to K, 0 to 1.
    inside : Tensor (B, 1, h, h)
        How much of each cell shows the picture, 0 to 1.
    """

    images: Tensor
    shares: Tensor
    inside: Tensor


class ClassStream(Stream[ClassBatch]):
    """Draws batches of labelled scenes, by seed and step alone.

    Parameters
    ----------
    scenes : sequence of Scene
        The labelled ones.
    card : ModelCard
        Of the network that learns.
    classes : int
        K.
    draws : Draws
        How many pictures, by what chance.
    turns : bool
        Whether pictures may be mirrored and turned by quarters.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        card: ModelCard,
        classes: int,
        draws: Draws,
        turns: bool = True,
    ) -> None:
        self._pictures = [scene.picture for scene in scenes]
        self._shares = np.cumsum(weights(self._pictures))
        self._card, self._classes = card, classes
        self._draws, self._turns = draws, turns

    def batch(self, step: int) -> ClassBatch:
        """Return the batch of one step."""
        rng = self._draws.chance(step, 3)
        return stacked([self._view(rng) for _ in range(self._draws.size)], self._card)

    def _view(self, rng: Generator) -> View:
        index = min(int(np.searchsorted(self._shares, rng.random(), side="right")), len(self._shares) - 1)
        picture = self._pictures[index]
        return drawn(picture, rng, self._card, self._classes, self._turns)


class ClassTask(nn.Module):
    """L_seg of the whole picture, for a network that answers without a prompt.

    Parameters
    ----------
    model : PromptableModel
        What learns, with a decoder that has a token for each class.
    dice : float
        α of the loss.
    frozen : bool
        Whether the encoder's own layers stay as they are, its running statistics included: what was added to
        them by LoRA learns nevertheless.
    """

    def __init__(self, model: PromptableModel, dice: float, frozen: bool = False) -> None:
        super().__init__()
        self.model = model
        self._dice, self._frozen = dice, frozen

    def train(self, mode: bool = True) -> ClassTask:
        """Leave a frozen encoder in evaluation mode."""
        super().train(mode)
        if self._frozen:
            self.model.image_encoder.eval()
        return self

    def scores(self, images: Tensor) -> Tensor:
        """Return (B, 1 + K, h, h) class scores, the background first."""
        return class_scores(self.model, self.model.encode(images))

    def judged(self, batch: ClassBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the log odds of the classes, their shares, and how much of each cell counts."""
        return log_odds(self.scores(batch.images)), batch.shares, batch.inside

    def forward(self, batch: ClassBatch) -> dict[str, Tensor]:
        """Return ``loss`` and the mean Dice of the batch."""
        scores = self.scores(batch.images).float()
        loss = segmentation_loss(scores, batch.shares, batch.inside, self._dice)
        return {"loss": loss, "dice": hard_dice(scores, batch.shares).mean()}


class ClassValidation:
    """Looks at all held-out scenes as wholes.

    Parameters
    ----------
    scenes : sequence of Scene
        Of the held-out cases.
    card : ModelCard
        Of the network that is looked at.
    classes, batch_size : int
        K, and how many to look at at once.
    """

    def __init__(self, scenes: Sequence[Scene], card: ModelCard, classes: int, batch_size: int) -> None:
        self._scenes, self._card = scenes, card
        self._classes, self._size = classes, batch_size

    def batches(self) -> Iterator[ClassBatch]:
        """Yield all scenes, unchanged."""
        for first in range(0, len(self._scenes), self._size):
            pictures = [scene.picture for scene in self._scenes[first : first + self._size]]
            yield stacked(
                [_cut(one, (0, 0, max(one.objects.shape)), self._card, self._classes) for one in pictures],
                self._card,
            )

    @torch.no_grad()
    def __call__(self, task: nn.Module) -> dict[str, float]:
        """Return the mean Dice over scenes and classes as ``score`` and ``held_out_dice``."""
        device = next(task.parameters()).device
        found = []
        for batch in self.batches():
            batch = batch.to(device)
            found.append(hard_dice(task.scores(batch.images).float(), batch.shares))  # type: ignore[operator]
        dice = float(torch.cat(found).mean())
        return {"score": dice, "held_out_dice": dice}


def drawn(picture: Picture, rng: Generator, card: ModelCard, classes: int, turns: bool) -> View:
    """Draw a view of most of a picture, with other colours, and turned where that may be."""
    view = _cut(picture, _part(picture, rng), card, classes)
    view = turned(view, rng) if turns else view
    return View(changed(view.image, rng), view.inside, view.targets)


def stacked(views: Sequence[View], card: ModelCard) -> ClassBatch:
    """Return views as one batch for the network of a card."""
    inside = torch.stack([view.inside for view in views])
    return ClassBatch(
        torch.stack([normalised(view, card) for view in views]),
        torch.stack([view.targets for view in views]),
        functional.adaptive_avg_pool2d(inside, views[0].targets.shape[-1]),
    )


@torch.no_grad()
def hard_dice(scores: Tensor, shares: Tensor) -> Tensor:
    """Return Dice of the likeliest classes and of shares cut at ½, (B, K); 1 where both are empty."""
    found = functional.one_hot(scores.argmax(1), scores.shape[1]).movedim(-1, 1)[:, 1:].bool()
    truth = shares > 0.5
    both, total = (found & truth).sum((-2, -1)), found.sum((-2, -1)) + truth.sum((-2, -1))
    return torch.where(total > 0, 2 * both / total.clamp(min=1), 1.0)


def _part(picture: Picture, rng: Generator) -> tuple[int, int, int]:
    """Draw (top, left, side) of a square view, in pixels of the picture; often all of it."""
    rows, columns = picture.objects.shape
    extent = max(rows, columns)
    if rng.random() < _CROPPED:
        extent = max(1, round(extent * rng.uniform(_SMALLEST, 1)))
    top, left = (int(rng.integers(max(0, side - extent) + 1)) for side in (rows, columns))
    return top, left, extent


def _cut(picture: Picture, where: tuple[int, int, int], card: ModelCard, classes: int) -> View:
    size, side = card.preprocessing.size, card.architecture.logit_side
    return cut(picture, where, list(range(1, classes + 1)), size, side)
