"""Views of pictures with their objects, in batches for networks that are prompted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch

from src_training.augment import changed
from src_training.draws import Stream
from src_training.picture_batch import PictureBatch
from src_training.pictures import weights
from src_training.views import draw_beside, draw_view, stretched, turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from src_training.draws import Draws
    from src_training.pictures import Picture
    from src_training.views import View

_OF_VOLUMES = 0.5  # share of the views that are handed over; the others are of pictures


@dataclass(frozen=True, slots=True, eq=False)
class Batch(PictureBatch):
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
    beside : Tensor (P, h, h), optional
        The objects on a neighbouring slice, which is all that is said of them at first.
    """

    of_objects: ClassVar[frozenset[str]] = frozenset({"targets", "owners", "beside"})  # the rest is of views

    images: Tensor
    targets: Tensor
    owners: Tensor
    step: int
    beside: Tensor | None = field(default=None, kw_only=True)

    @property
    def weight(self) -> int:
        """What a piece counts for in the mean over a batch: its objects."""
        return len(self.targets)

    def _piece(self, rows: slice) -> Self:
        """Return some of the views with their objects."""
        mine = (self.owners >= rows.start) & (self.owners < rows.stop)
        piece = self._each(lambda name, values: values[mine if name in self.of_objects else rows])
        return replace(piece, owners=piece.owners - rows.start)


class ViewStream(Stream[Batch]):
    """Draws batches of views: of every scale for a student that zooms, else of whole pictures.

    Parameters
    ----------
    pools : sequence of (pictures, share)
        From which pictures to draw, and how often from each of the pools; empty ones are passed over.
    card : ModelCard
        The student's, for sizes and normalisation.
    draws : Draws
        How many views, by what chance.
    objects : int
        Objects asked for in each at most.
    handed : float
        Share of steps whose objects are known from a neighbouring slice, where there are volumes. Half of
        their views are of pictures with a neighbour made up, or the student would know volumes alone so.
    """

    def __init__(
        self,
        pools: Sequence[tuple[Sequence[Picture], float]],
        card: ModelCard,
        draws: Draws,
        objects: int,
        handed: float = 0.0,
    ) -> None:
        self._handed = handed
        near = [one for pictures, _ in pools for one in pictures if one.beside] if handed else []
        self._near = near, np.cumsum(weights(near))
        self._pools = [(pictures, np.cumsum(weights(pictures))) for pictures, _ in pools if pictures]
        shares = np.array([share for pictures, share in pools if pictures])
        self._shares = np.cumsum(shares / shares.sum())
        self._card, self._draws, self._objects = card, draws, objects

    def batch(self, step: int) -> Batch:
        """Return the batch of one step."""
        views = self.views(step)
        beside = [view.beside for view in views if view.beside is not None]
        counts = [len(view.targets) for view in views]
        return Batch(
            torch.stack([normalised(view, self._card) for view in views]),
            torch.cat([view.targets for view in views]),
            torch.repeat_interleave(torch.arange(len(views)), torch.tensor(counts)),
            step,
            beside=torch.cat(beside) if beside else None,
        )

    def views(self, step: int) -> list[View]:
        """Return the views of one step, as they are before a network's card is looked at."""
        rng = self._draws.chance(step)
        handed = bool(self._near[0]) and rng.random() < self._handed
        draw = self._view_beside if handed else self._view
        return [draw(rng) for _ in range(self._draws.size)]

    def _view(self, rng: Generator) -> View:
        pictures, shares = self._drawn_pool(rng)
        picture = pictures[_drawn(shares, rng)]
        whole = not self._card.architecture.zoom
        if self._card.preprocessing.fit == "stretch":
            picture = stretched(picture)
        return self._seen(draw_view(picture, rng, *self._sides, self._objects, whole), rng)

    def _view_beside(self, rng: Generator) -> View:
        while True:  # until an object is on both slices and in the view, which most are
            pictures, shares = self._near if rng.random() < _OF_VOLUMES else self._drawn_pool(rng)
            view = draw_beside(pictures[_drawn(shares, rng)], rng, *self._sides, self._objects)
            if view is not None:
                return self._seen(view, rng)

    def _drawn_pool(self, rng: Generator) -> tuple[Sequence[Picture], NDArray[np.float64]]:
        return self._pools[_drawn(self._shares, rng)]

    @property
    def _sides(self) -> tuple[int, int]:
        return self._card.preprocessing.size, self._card.architecture.logit_side

    @staticmethod
    def _seen(view: View, rng: Generator) -> View:
        view = turned(view, rng)
        return replace(view, image=changed(view.image, rng))


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
