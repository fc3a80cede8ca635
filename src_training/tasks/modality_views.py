"""Views of several kinds of image, each with the one target of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch

from src_training.augment import changed
from src_training.batches import normalised
from src_training.draws import Stream
from src_training.picture_batch import PictureBatch
from src_training.pictures import weights
from src_training.views import View, cut, turned, warped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from src_training.draws import Draws
    from src_training.kinds import Kinds
    from src_training.pictures import Picture
    from src_training.scenes import Scene


@dataclass(frozen=True, slots=True, eq=False)
class ModalityBatch(PictureBatch):
    """Views of several kinds of image.

    Parameters
    ----------
    images : Tensor (B, 3, S, S)
        Normalised for the network.
    shares : Tensor (B, 1, h, h)
        How much of each cell belongs to the target, 0 to 1.
    kinds : Tensor (B,)
        What kind of image each is.
    step : int
        Number of the step, from which chance inside the step is drawn.
    """

    images: Tensor
    shares: Tensor
    kinds: Tensor
    step: int


@dataclass(frozen=True, slots=True)
class Framing:
    """How much of a picture views show, and how it is held.

    Parameters
    ----------
    whole : float
        Share of views that show the whole picture.
    closest : float
        Share of a side that the others show at least.
    warped : float
        Share of all views that are tilted and stretched a little.
    farthest : float
        How many sides of the picture the side of a view of the whole picture is long at most.
    """

    whole: float = 0.3
    closest: float = 0.5
    warped: float = 0.0
    farthest: float = 1.0


class ModalityStream(Stream[ModalityBatch]):
    """Draws batches of labelled scenes of all kinds, by seed and step alone.

    A view shows a part of the picture as large as the network will see it, or the whole picture smaller: so
    thin things are learnt at their size, at a fraction of what whole pictures would cost.

    Parameters
    ----------
    scenes : sequence of Scene
        The labelled ones.
    kinds : Kinds
        Which kind each data set is of.
    card : ModelCard
        Of the network that learns.
    view : int
        Pixels of a view's side.
    draws : Draws
        How many views, by what chance.
    framing : Framing
        How much of the picture they show, and how it is held.
    upright : sequence of str
        Kinds that are mirrored, but neither turned nor put on their heads.
    often : mapping of str to float
        Sets that are drawn so many times as often as they would be.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        kinds: Kinds,
        card: ModelCard,
        view: int,
        draws: Draws,
        *,
        framing: Framing = Framing(),
        upright: Sequence[str] = (),
        often: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._pictures = [scene.picture for scene in scenes]
        self._shares = np.cumsum(weights(self._pictures, often))
        self._kinds, self._card = kinds, card
        self._sides = view, view * card.architecture.logit_side // card.preprocessing.size
        self._draws, self._framing, self._upright = draws, framing, frozenset(upright)

    def batch(self, step: int) -> ModalityBatch:
        """Return the batch of one step."""
        rng = self._draws.chance(step, 5)
        drawn = np.searchsorted(self._shares, rng.random(self._draws.size), side="right")
        pictures = [self._pictures[min(int(place), len(self._pictures) - 1)] for place in drawn]
        views = [self._view(picture, rng) for picture in pictures]
        return stacked(views, [self._kinds.of_set[one.set] for one in pictures], self._card, step)

    def _view(self, picture: Picture, rng: Generator) -> View:
        view = cut(picture, self._part(picture, rng), [1], *self._sides)
        place = self._kinds.of_set[picture.set]
        # Thin things, all of which are one target, would be half gone after another interpolation.
        if rng.random() < self._framing.warped and not self._kinds.targets[place].joined:
            view = warped(view, rng)
        if self._kinds.names[place] not in self._upright:
            view = turned(view, rng)
        elif rng.random() < 0.5:
            view = View(view.image.flip(2), view.inside.flip(2), view.targets.flip(2))
        return View(changed(view.image, rng), view.inside, view.targets)

    def _part(self, picture: Picture, rng: Generator) -> tuple[int, int, int]:
        """Draw (top, left, side) of a square view, in pixels of the picture."""
        rows, columns = picture.objects.shape
        extent = max(rows, columns)
        if rng.random() >= self._framing.whole:
            extent = max(1, round(extent * rng.uniform(self._framing.closest, 1)))
        elif self._framing.farthest > 1:
            extent = round(extent * rng.uniform(1, self._framing.farthest))
        top, left = (int(rng.integers(max(0, side - extent) + 1)) for side in (rows, columns))
        return top, left, extent


def stacked(views: Sequence[View], kinds: Sequence[int], card: ModelCard, step: int) -> ModalityBatch:
    """Return views as one batch for the network of a card."""
    images = torch.stack([normalised(view, card) for view in views])
    return ModalityBatch(images, torch.stack([view.targets for view in views]), torch.tensor(kinds), step)
