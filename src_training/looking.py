"""How a model that learns from corrections is looked at while it learns: the same views at every look."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch.nn import functional

from napari_medkd.runs import Previewed
from src_training.batches import Batch, ViewStream, normalised
from src_training.drawing import ANSWER, TRUTH, beside, outlined
from src_training.draws import Draws
from src_training.files import write_picture
from src_training.views import cut

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from torch import Tensor, nn

    from napari_medkd.models.card import ModelCard
    from src_training.context import Context
    from src_training.pictures import Picture
    from src_training.tasks.rehearsal import RehearsalTask
    from src_training.views import View

_FIGURES = ("first_iou", "last_iou")
_SEED = 20_000  # of the views: the same for every run
_SHOWN = 3  # pictures of a preview
FOLDER = "previews"


class Pool:
    """A fixed choice of views of one kind of images.

    Parameters
    ----------
    name : str
        First part of its figures' names.
    pictures : sequence of Picture
        What the views are of; may be empty.
    card : ModelCard
        The student's.
    batch_size, objects, batches : int
        Views in a batch, objects asked for in each, and how many batches.
    still : bool
        Whether the encoder does not learn, so that views are encoded once.
    """

    def __init__(
        self,
        name: str,
        pictures: Sequence[Picture],
        card: ModelCard,
        batch_size: int,
        objects: int,
        batches: int,
        still: bool,
    ) -> None:
        self.name = name
        draws = Draws(batch_size, _SEED)
        self._stream = ViewStream([(pictures, 1.0)], card, draws, objects) if pictures else None
        self._count, self._still = batches, still
        self._batches: list[Batch] = []
        self._encoded: dict[int, tuple[Tensor, ...]] = {}

    def __bool__(self) -> bool:
        return self._stream is not None

    def figures(self, task: RehearsalTask) -> dict[str, float]:
        """Return the mean overlap after the first and the last prompt."""
        if self._stream is None:
            return {}
        self._batches = self._batches or [self._stream.batch(step) for step in range(self._count)]
        device = next(task.parameters()).device
        total = sum(batch.weight for batch in self._batches)
        sums = dict.fromkeys(_FIGURES, 0.0)
        for batch in self._batches:
            found = task.converse(batch.to(device), self._encode(task, batch, device))
            for name in _FIGURES:
                sums[name] += float(found[name]) * batch.weight / total
        return {f"{self.name}_{name}": value for name, value in sums.items()}

    def _encode(self, task: RehearsalTask, batch: Batch, device: torch.device) -> tuple[Tensor, ...]:
        if batch.step in self._encoded:
            return self._encoded[batch.step]
        maps = task.student.encode(batch.to(device).images)
        if self._still:
            self._encoded[batch.step] = maps
        return maps


class Look:
    """Measures the student on the corrected cases that it is chosen by, and on what it must not forget.

    Parameters
    ----------
    own : Pool
        The corrected cases.
    replay : sequence of Pool
        One for each kind of rehearsed images; may be empty.
    previews : Previews
        Draws what it answers.
    """

    def __init__(self, own: Pool, replay: Sequence[Pool], previews: Previews) -> None:
        self.own, self.replay = own, replay
        self._previews, self._step = previews, 0

    def watch(self, task: nn.Module, step: int) -> None:
        """Take note of how many steps are done."""
        self._step = step

    @torch.no_grad()
    def __call__(self, task: nn.Module) -> dict[str, float]:
        """Return the figures, draw a preview; ``score`` counts corrected and rehearsed alike."""
        self._previews.draw(cast("RehearsalTask", task), self._step)
        return self.measured(task)

    @torch.no_grad()
    def measured(self, task: nn.Module) -> dict[str, float]:
        """Return the figures alone."""
        learner = cast("RehearsalTask", task)
        own = self.own.figures(learner)
        replay = {name: value for pool in self.replay for name, value in pool.figures(learner).items()}
        means = [sum(part.values()) / len(part) for part in (own, replay) if part]
        return {"score": sum(means) / len(means), **own, **replay}


class Previews:
    """Some of the pictures with the truth and what the student answers to a click, as it learns.

    Parameters
    ----------
    pictures : sequence of Picture
        The first ones are shown.
    card : ModelCard
        The student's.
    context : Context
        Where the files go, and who is told.
    stage : str
        Name of the stage.
    """

    def __init__(self, pictures: Sequence[Picture], card: ModelCard, context: Context, stage: str) -> None:
        self._card, self._context, self._stage = card, context, stage
        size, side = card.preprocessing.size, card.architecture.logit_side
        self._views = [_largest(picture, size, side) for picture in pictures[:_SHOWN]]

    @torch.no_grad()
    def draw(self, task: RehearsalTask, step: int) -> None:
        """Write one file, and tell of it."""
        device = next(task.parameters()).device
        images = torch.stack([normalised(view, self._card) for view in self._views])
        targets = torch.cat([view.targets for view in self._views])
        batch = Batch(images, targets, torch.arange(len(self._views)), 0).to(device)
        answers = task.answered(batch)
        rows = max(int((view.inside[0] > 0).any(1).sum()) for view in self._views)
        drawn = [
            _drawn(view, target, answer.cpu(), rows)
            for view, target, answer in zip(self._views, targets, answers, strict=True)
        ]
        name = f"{FOLDER}/{self._stage}-{step:06d}.png"
        write_picture(self._context.folder / name, beside(drawn))
        self._context.write(Previewed(stage=self._stage, step=step, path=name))


def _largest(picture: Picture, size: int, side: int) -> View:
    """Return the whole picture with the largest of its objects."""
    number = int(np.bincount(picture.objects.ravel())[1:].argmax()) + 1
    return cut(picture, (0, 0, max(picture.objects.shape)), [number], size, side)


def _drawn(view: View, target: Tensor, answer: Tensor, rows: int) -> Any:
    """Return so much of a view as shows the picture; `rows` are those of the highest picture."""
    image = view.image.permute(1, 2, 0).round().to(torch.uint8).numpy()
    size = image.shape[:2]
    masks = functional.interpolate(torch.stack([target - 0.5, answer])[None], size, mode="bilinear")[0] > 0
    drawn = outlined(outlined(image, masks[0].numpy(), TRUTH), masks[1].numpy(), ANSWER)
    shown = view.inside[0] > 0
    return drawn[:rows, : int(shown.any(0).sum())]
