"""What a model that learns from corrections sees: views of these, and beside them of what it knew before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from src_training.batches import Batch, ViewStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
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

    rehearsed: Tensor
    features: tuple[Tensor, ...] = ()
    taught: Tensor | None = None
    hidden: Tensor | None = None

    def pieces(self, count: int) -> list[Batch]:
        """Split into `count` smaller batches, where it has as many views."""
        parts: list[Batch] = []
        for chosen in np.array_split(np.arange(len(self.images)), min(count, len(self.images))):
            views = slice(int(chosen[0]), int(chosen[-1]) + 1)
            mine = (self.owners >= views.start) & (self.owners < views.stop)
            parts.append(
                replace(
                    self,
                    images=self.images[views],
                    targets=self.targets[mine],
                    owners=self.owners[mine] - views.start,
                    rehearsed=self.rehearsed[mine],
                    features=tuple(maps[views] for maps in self.features),
                    taught=self.taught[mine] if self.taught is not None else None,
                    hidden=self.hidden[views] if self.hidden is not None else None,
                )
            )
        return parts

    def to(self, device: torch.device) -> RehearsalBatch:
        """Return it on a device."""
        moved = Batch.to(self, device)
        taught, hidden = (
            maps.to(device).float() if maps is not None else None for maps in (self.taught, self.hidden)
        )
        return RehearsalBatch(
            moved.images,
            moved.targets,
            moved.owners,
            moved.step,
            self.rehearsed.to(device),
            tuple(maps.to(device).float() for maps in self.features),
            taught,
            hidden,
        )


class RehearsalStream:
    """Batches of fresh views, of corrected and of rehearsed images; as `ViewStream`, by seed and step alone.

    Parameters
    ----------
    corrected, rehearsed : sequence of Picture
        The two pools; the second may be empty.
    card : ModelCard
        The student's.
    batch_size, objects : int
        Views in a batch, and objects asked for in each at most.
    share : float
        Of rehearsed views in a batch.
    seed, rank, world : int
        Where chance starts, and which of how many processes this is.
    """

    def __init__(
        self,
        corrected: Sequence[Picture],
        rehearsed: Sequence[Picture],
        card: ModelCard,
        batch_size: int,
        objects: int,
        share: float,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        second = min(round(share * batch_size), batch_size - 1) if rehearsed else 0
        self._parts = [
            (is_rehearsed, ViewStream([(pool, 1.0)], card, count, objects, seed + is_rehearsed, rank, world))
            for is_rehearsed, pool, count in (
                (False, corrected, batch_size - second),
                (True, rehearsed, second),
            )
            if count
        ]

    def __call__(self, first: int) -> Iterator[RehearsalBatch]:
        """Yield the batches from step `first` on, without end."""
        step = first
        while True:
            yield self.batch(step)
            step += 1

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


class EncodedStream:
    """Batches out of a fixed number of views that were encoded once: what a still encoder makes possible.

    Parameters
    ----------
    source : RehearsalStream
        Draws the views.
    student : PromptableModel
        Encodes them; its encoder must not learn.
    batches : int
        How many batches of the source are encoded; their views are put together anew for each step.
    seed : int
        Where chance starts.
    """

    def __init__(self, source: RehearsalStream, student: PromptableModel, batches: int, seed: int) -> None:
        self._source, self._student = source, student
        self._count, self._seed = batches, seed
        self._kept: list[RehearsalBatch] = []

    @torch.no_grad()
    def prepare(self, device: torch.device, tell: Callable[[int, int], bool]) -> bool:
        """Encode the views; `tell` hears how many batches are done of how many, and says whether to go on.

        They are kept as 16-bit floats: a view takes 1.6 MB at 320 pixels.
        """
        self._student.to(device).eval()
        for step in range(len(self._kept), self._count):
            if not tell(step, self._count):
                return False
            batch = self._source.batch(step)
            maps = self._student.encode(batch.to(device).images)
            seen = batch.images[:, :, :1, :1].clone()  # nobody looks at the rest any more
            kept = tuple(part.half().cpu() for part in maps)
            self._kept.append(replace(batch, images=seen, features=kept))
        return True

    def __call__(self, first: int) -> Iterator[RehearsalBatch]:
        """Yield the batches from step `first` on, without end."""
        step = first
        while True:
            yield self.batch(step)
            step += 1

    def batch(self, step: int) -> RehearsalBatch:
        """Return the batch of one step: every view comes from another of the encoded batches.

        A view keeps its place in the batch, so that every batch has the same share of rehearsed ones.
        """
        rng = np.random.default_rng((self._seed, step, 2))
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
