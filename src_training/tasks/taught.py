"""EfficientMedSAM's distillation: labelled masks, the teacher's logits, and where the teacher looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch

from src_training.augment import changed
from src_training.batches import Batch, normalised
from src_training.draws import Stream
from src_training.losses.logits import dice_and_mask_loss, logit_divergence
from src_training.losses.saliency import resized, saliency, similarity
from src_training.pictures import weights
from src_training.tasks.prompted import PromptedTask
from src_training.views import View, cut, stretched, turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.answers import Answer
    from src_training.draws import Draws
    from src_training.pictures import Picture


@dataclass(frozen=True, slots=True, eq=False)
class TaughtBatch(Batch):
    """Views, their objects, and what the teacher says of them.

    Parameters
    ----------
    taught : Tensor (P, h, h)
        The teacher's logits of each object.
    where : Tensor (B, h, h)
        Where the teacher looks in each view.
    """

    of_objects: ClassVar[frozenset[str]] = Batch.of_objects | {"taught"}

    taught: Tensor
    where: Tensor


class TaughtStream(Stream[TaughtBatch]):
    """Draws batches of whole pictures with the teacher's answers, by seed and step alone.

    Pictures, masks, logits and maps are turned and mirrored alike; only the student's colours change.

    Parameters
    ----------
    pictures, answers : sequence
        The pool and what the teacher said of each.
    card : ModelCard
        The student's.
    draws : Draws
        How many pictures, by what chance.
    objects : int
        Objects asked for in each at most.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        answers: Sequence[Answer],
        card: ModelCard,
        draws: Draws,
        objects: int,
    ) -> None:
        self._pictures, self._answers, self._card = pictures, answers, card
        self._likely = weights(pictures)
        self._draws, self._objects = draws, objects

    def batch(self, step: int) -> TaughtBatch:
        """Return the batch of one step."""
        rng = self._draws.chance(step, 11)
        drawn = rng.choice(len(self._pictures), self._draws.size, p=self._likely)
        views = [self._one(int(index), rng) for index in drawn]
        counts = torch.tensor([(len(view.targets) - 1) // 2 for view in views])
        return TaughtBatch(
            torch.stack([normalised(view, self._card) for view in views]),
            torch.cat([view.targets[:count] for view, count in zip(views, counts, strict=True)]),
            torch.repeat_interleave(torch.arange(len(views)), counts),
            step,
            torch.cat([view.targets[count:-1] for view, count in zip(views, counts, strict=True)]),
            torch.stack([view.targets[-1] for view in views]),
        )

    def _one(self, index: int, rng: Generator) -> View:
        """Return a view whose targets are the objects, the teacher's logits of them, and where it looks."""
        picture, answer = self._pictures[index], self._answers[index]
        if self._card.preprocessing.fit == "stretch":
            picture = stretched(picture)
        chosen = rng.permutation(len(answer.numbers))[: self._objects]
        size, side = self._card.preprocessing.size, self._card.architecture.logit_side
        extent = max(picture.objects.shape)
        view = cut(picture, (0, 0, extent), [int(answer.numbers[number]) for number in chosen], size, side)
        maps = (answer.logits[chosen], answer.where[None])
        told = [torch.from_numpy(array.astype(np.float32)) for array in maps]
        view = turned(View(view.image, view.inside, torch.cat([view.targets, *told])), rng)
        return View(changed(view.image, rng), view.inside, view.targets)


class DistilTask(PromptedTask):
    """L = L_seg + λ·L_distill + γ·(1 − S_GL(A_T, A_S)).

    Parameters
    ----------
    student : PromptableModel
        Its image encoder is a `SearchedEncoder`, which tells its stages.
    frame, seed, boxes : int, int, float
        As of `PromptedTask`.
    logits, temperature : float
        λ and T.
    attention, share, patch, centred
        γ, and a, the patch and the centring of S_GL.
    stage : int
        Which of the student's stages, from 0, is compared with where the teacher looks.
    kind : "energy" or "gradient"
        The student's saliency: Σ_c |F_c|², or weighed by how L_seg depends on F.
    """

    def __init__(
        self,
        student: PromptableModel,
        frame: int,
        seed: int,
        *,
        boxes: float,
        score: float,
        logits: float,
        temperature: float,
        attention: float,
        share: float,
        patch: int,
        centred: bool,
        stage: int,
        kind: Literal["energy", "gradient"],
    ) -> None:
        super().__init__(student, frame, seed, dice_and_mask_loss, boxes=boxes, score=score, still=False)
        self._logits, self._temperature = logits, temperature
        self._attention, self._stage, self._kind = attention, stage, kind
        self._similarity: dict[str, Any] = {"patch": patch, "share": share, "centred": centred}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss``, its parts, and how alike both look; of a plain batch the labelled part alone."""
        encoder: Any = self.student.image_encoder
        embedding, stages = encoder.look(batch.images)
        answer, scores = self.answer(batch, (embedding,))
        found = self.compared(answer, scores, batch.targets)
        if not isinstance(batch, TaughtBatch):
            return found
        divergence = logit_divergence(answer, batch.taught, self._temperature).mean()
        alike = self._alike(stages[self._stage], found["masks"], batch.where)
        found |= {"divergence": divergence, "similarity": alike}
        found["loss"] = found["loss"] + self._logits * divergence + self._attention * (1 - alike)
        return found

    def _alike(self, maps: Tensor, masks: Tensor, where: Tensor) -> Tensor:
        """Return the mean S_GL, on the coarser of both grids."""
        gradient = None
        if self._kind == "gradient" and torch.is_grad_enabled():
            gradient = torch.autograd.grad(masks, maps, retain_graph=True)[0].detach()
        ours = saliency(maps.float(), gradient)
        side = min(ours.shape[-1], where.shape[-1])
        return similarity(resized(ours, side), resized(where, side), **self._similarity).mean()
