"""Batches that depend on the seed and the step alone: a resumed run sees what it would have seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from src_training.augment import changed
from src_training.pictures import weights
from src_training.views import draw_view, stretched, turned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from src_training.pictures import Picture
    from src_training.views import View


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Views and their objects.

    Parameters
    ----------
    images : Tensor (B, 3, S, S)
        Normalised for the student.
    targets : Tensor (P, h, h)
        The objects, 0 to 1.
    owners : Tensor (P,)
        Which view each object is in.
    step : int
        Number of the step, from which chance inside the step is drawn.
    """

    images: Tensor
    targets: Tensor
    owners: Tensor
    step: int

    @property
    def weight(self) -> int:
        """What a piece counts for in the mean over a batch: its objects."""
        return len(self.targets)

    def pieces(self, count: int) -> list[Batch]:
        """Split into `count` smaller batches, where it has as many views."""
        parts = []
        for chosen in np.array_split(np.arange(len(self.images)), min(count, len(self.images))):
            first, last = int(chosen[0]), int(chosen[-1]) + 1
            mine = (self.owners >= first) & (self.owners < last)
            parts.append(
                Batch(self.images[first:last], self.targets[mine], self.owners[mine] - first, self.step)
            )
        return parts

    def to(self, device: torch.device) -> Batch:
        """Return it on a device, in the order of pixels in which convolutions are fastest."""
        images = self.images.to(device, memory_format=torch.channels_last)
        return Batch(images, self.targets.to(device), self.owners.to(device), self.step)


class ViewStream:
    """Draws batches of views: of every scale for a student that zooms, else of whole pictures.

    Parameters
    ----------
    pools : sequence of (pictures, share)
        From which pictures to draw, and how often from each of the pools; empty ones are passed over.
    card : ModelCard
        The student's, for sizes and normalisation.
    batch_size, objects : int
        Views in a batch, and objects asked for in each at most.
    seed : int
        Where chance starts.
    rank, world : int
        Which of how many processes this is; each draws views of its own.
    """

    def __init__(
        self,
        pools: Sequence[tuple[Sequence[Picture], float]],
        card: ModelCard,
        batch_size: int,
        objects: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._pools = [(pictures, np.cumsum(weights(pictures))) for pictures, _ in pools if pictures]
        shares = np.array([share for pictures, share in pools if pictures])
        self._shares = np.cumsum(shares / shares.sum())
        self._card = card
        self._size = batch_size
        self._objects = objects
        self._seed = seed
        self._process = rank, world

    def __call__(self, first: int) -> Iterator[Batch]:
        """Yield the batches from step `first` on, without end."""
        step = first
        while True:
            yield self.batch(step)
            step += 1

    def batch(self, step: int) -> Batch:
        """Return the batch of one step."""
        views = self.views(step)
        counts = [len(view.targets) for view in views]
        return Batch(
            torch.stack([normalised(view, self._card) for view in views]),
            torch.cat([view.targets for view in views]),
            torch.repeat_interleave(torch.arange(len(views)), torch.tensor(counts)),
            step,
        )

    def views(self, step: int) -> list[View]:
        """Return the views of one step, as they are before a network's card is looked at."""
        rng = np.random.default_rng((self._seed, step, *self._process))
        return [self._view(rng) for _ in range(self._size)]

    def _view(self, rng: Generator) -> View:
        pictures, shares = self._pools[_drawn(self._shares, rng)]
        picture = pictures[_drawn(shares, rng)]
        size, side = self._card.preprocessing.size, self._card.architecture.logit_side
        whole = not self._card.architecture.zoom
        if self._card.preprocessing.fit == "stretch":
            picture = stretched(picture)
        view = turned(draw_view(picture, rng, size, side, self._objects, whole), rng)
        return type(view)(changed(view.image, rng), view.inside, view.targets)


def _drawn(shares: NDArray[np.float64], rng: Generator) -> int:
    """Draw an index by running sums of shares, which rounding may leave a little below 1."""
    return min(int(np.searchsorted(shares, rng.random(), side="right")), len(shares) - 1)


def normalised(view: View, card: ModelCard) -> Tensor:
    """Return a view as a network's input (3, S, S), by its card; 0 outside the picture."""
    if card.preprocessing.normalise == "min-max":
        shown = view.image[:, view.inside[0] > 0]
        low, high = shown.min(), shown.max()
        return (view.image - low) / (high - low).clamp(min=1e-8) * view.inside
    mean = torch.tensor(card.preprocessing.mean).view(3, 1, 1)
    std = torch.tensor(card.preprocessing.std).view(3, 1, 1)
    return (view.image - mean) / std * view.inside
