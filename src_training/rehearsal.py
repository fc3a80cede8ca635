"""What a model that learns from corrections sees: views of these, and beside them of what it knew before."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from src_training.batches import Batch, ViewStream
from src_training.draws import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.draws import Draws
    from src_training.pictures import Picture
    from src_training.views import View


@dataclass(frozen=True, slots=True, eq=False)
class RehearsalBatch(Batch):
    """Views of corrected and of rehearsed images.

    Parameters
    ----------
    rehearsed : Tensor (P,) bool
        Which objects are of rehearsed images.
    features : tuple of Tensor (B, …)
        The views encoded, where the encoder does not learn; else empty.
    taught : Tensor (P, h, h), optional
        A teacher's logits of the corrected objects, where it was asked; 0 for rehearsed ones.
    hidden : Tensor (V, C, g, g), optional
        Its embedding of the corrected views, which come first.
    """

    of_objects: ClassVar[frozenset[str]] = Batch.of_objects | {"rehearsed", "taught"}

    rehearsed: Tensor
    features: tuple[Tensor, ...] = ()
    taught: Tensor | None = None
    hidden: Tensor | None = None


class RehearsalStream(Stream[RehearsalBatch]):
    """Batches of fresh views, of corrected and of rehearsed images; as `ViewStream`, by seed and step alone.

    Parameters
    ----------
    corrected, rehearsed : sequence of Picture
        The two pools; the second may be empty.
    card : ModelCard
        The student's.
    draws : Draws
        How many views, by what chance.
    objects : int
        Objects asked for in each at most.
    share : float
        Of rehearsed views in a batch.
    """

    def __init__(
        self,
        corrected: Sequence[Picture],
        rehearsed: Sequence[Picture],
        card: ModelCard,
        draws: Draws,
        objects: int,
        share: float,
    ) -> None:
        self.draws = draws
        second = min(round(share * draws.size), draws.size - 1) if rehearsed else 0
        pools = (
            (False, corrected, replace(draws, size=draws.size - second)),
            (True, rehearsed, replace(draws, size=second, seed=draws.seed + 1)),
        )
        self._parts = [
            (flag, ViewStream([(pool, 1.0)], card, own, objects)) for flag, pool, own in pools if own.size
        ]

    def batch(self, step: int) -> RehearsalBatch:
        """Return the batch of one step."""
        return joined([(part.batch(step), flag) for flag, part in self._parts], step)

    def corrected(self, step: int) -> list[View]:
        """Return the corrected views of one step, which are the first of its batch."""
        return [view for rehearsed, part in self._parts if not rehearsed for view in part.views(step)]


def joined(parts: Sequence[tuple[Batch, bool]], step: int) -> RehearsalBatch:
    """Put batches together; each comes with whether it is of rehearsed images."""
    counts = [len(part.images) for part, _ in parts]
    firsts = np.cumsum([0, *counts])
    return RehearsalBatch(
        torch.cat([part.images for part, _ in parts]),
        torch.cat([part.targets for part, _ in parts]),
        torch.cat([part.owners + int(first) for (part, _), first in zip(parts, firsts, strict=False)]),
        step,
        torch.cat([torch.full((part.weight,), flag) for part, flag in parts]),
    )


class AheadStream(Stream[RehearsalBatch]):
    """Batches out of a fixed number of those of a source, which are made ready before the first step.

    Parameters
    ----------
    source : RehearsalStream
        Draws the views.
    batches : int
        How many of its batches are made ready.
    """

    def __init__(self, source: RehearsalStream, batches: int) -> None:
        self._source, self._count = source, batches
        self._kept: list[RehearsalBatch] = []

    @torch.no_grad()
    def prepare(self, device: torch.device, tell: Callable[[int, int], bool]) -> bool:
        """Make them ready; `tell` hears how many are done of how many, and says whether to go on."""
        for step in range(len(self._kept), self._count):
            if not tell(step, self._count):
                return False
            self._kept.append(self._ready(self._source.batch(step), device))
        return True

    @abstractmethod
    def _ready(self, batch: RehearsalBatch, device: torch.device) -> RehearsalBatch:
        """Return a batch of the source as it is kept."""


class EncodedStream(AheadStream):
    """Batches out of views that were encoded once, put together anew for each step.

    Parameters
    ----------
    source, batches
        As of `AheadStream`.
    student : PromptableModel
        Encodes the views; its encoder must not learn.
    """

    def __init__(self, source: RehearsalStream, student: PromptableModel, batches: int) -> None:
        super().__init__(source, batches)
        self._student = student

    def _ready(self, batch: RehearsalBatch, device: torch.device) -> RehearsalBatch:
        """Encode the views; what is kept is 16-bit floats, 1.6 MB a view at 320 pixels."""
        maps = self._student.to(device).eval().encode(batch.to(device).images)
        seen = batch.images[:, :, :1, :1].clone()  # nobody looks at the rest any more
        return replace(batch, images=seen, features=tuple(part.half().cpu() for part in maps))

    def batch(self, step: int) -> RehearsalBatch:
        """Return the batch of one step: every view comes from another of the encoded batches.

        A view keeps its place in the batch, so that every batch has the same share of rehearsed ones.
        """
        rng = self._source.draws.common(step, 2)
        places = len(self._kept[0].images)
        views = [
            _view(self._kept[int(drawn)], place, step)
            for place, drawn in enumerate(rng.integers(0, self._count, places))
        ]
        owners = [torch.full((view.weight,), place) for place, view in enumerate(views)]
        return RehearsalBatch(
            torch.cat([view.images for view in views]),
            torch.cat([view.targets for view in views]),
            torch.cat(owners),
            step,
            torch.cat([view.rehearsed for view in views]),
            tuple(torch.cat(maps) for maps in zip(*(view.features for view in views), strict=True)),
        )


def _view(batch: RehearsalBatch, place: int, step: int) -> RehearsalBatch:
    mine = batch.owners == place
    only = slice(place, place + 1)
    return RehearsalBatch(
        batch.images[only],
        batch.targets[mine],
        batch.owners[mine] - place,
        step,
        batch.rehearsed[mine],
        tuple(maps[only].float() for maps in batch.features),
    )
