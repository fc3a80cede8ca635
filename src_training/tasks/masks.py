"""Masks with prompts in the loop: the student answers, is corrected where it is wrong, and answers again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_medkd.inference.volumetric import SURE
from src_training.clicks import Conversation, usable, worn
from src_training.losses.masks import mask_loss, overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel
    from src_training.batches import Batch, ViewStream

_FORGOTTEN = 0.2  # share of rounds that do not see the answer before (Sofiiuk et al. 2021 drop it too)
_OTHERS = 0.1  # weight of the candidates that were not the best, so that none dies
_CANDIDATES = 0.5  # weight of the candidates beside the answer itself


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One question to all objects of a batch, and what the student answered.

    Parameters
    ----------
    coordinates, labels : Tensor (P, N, 2) and (P, N)
        What has been said of each object so far.
    mask : Tensor (P, 1, 4g, 4g) or None
        The answer before, where it was given back.
    logits, scores : Tensor (P, M, h, h) and (P, M)
        The answer.
    """

    coordinates: Tensor
    labels: Tensor
    mask: Tensor | None
    logits: Tensor
    scores: Tensor


class MaskTask(nn.Module):
    """Prompts in the loop, for a student that answers several objects a view.

    Every prompt is answered by the first mask; a lone point, which may mean a part or a whole, by the three
    candidates as well, of which the best one learns (Kirillov et al. 2023, section 3). The predicted overlap
    of every mask is regressed on what it really is.

    Parameters
    ----------
    student : PromptableModel
        What learns.
    frame : int
        Side of the prompt frame, in pixels.
    rounds : int
        Answers to each object.
    seed : int
        Where chance starts, together with the batch's step.
    boxes : float or None
        Share of objects that are asked for with a box first; None as for an interactive student.
    """

    def __init__(
        self, student: PromptableModel, frame: int, rounds: int, seed: int, boxes: float | None = None
    ) -> None:
        super().__init__()
        self._boxes: dict[str, Any] = {} if boxes is None else {"boxes": boxes, "scribbles": 0.0}
        self.student = student
        self._frame = frame
        self._rounds = rounds
        self._seed = seed

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` and the mean overlap after the first and the last round."""
        return self.converse(batch, self.student.encode(batch.images))

    def converse(
        self,
        batch: Batch,
        encoded: Sequence[Tensor],
        judge: Callable[[Round], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Ask for each object in turns, on views that are encoded already.

        Parameters
        ----------
        batch : Batch
            The views and their objects.
        encoded : sequence of Tensor (B, …)
            What the student's encoder gave of the views.
        judge : callable, optional
            Returns a further loss of each round.
        """
        rng = np.random.default_rng((self._seed, batch.step, 1))
        targets = batch.targets
        beside = batch.beside if batch.beside is None else worn(usable(batch.beside.cpu().numpy()), rng)
        talk = Conversation(usable(targets.cpu().numpy()), rng, **self._boxes, beside=beside)
        features = [maps[batch.owners] for maps in encoded]
        losses: list[Tensor] = []
        found: list[Tensor] = []
        mask: Tensor | None = None
        if beside is not None:  # always shown: a box that is not tight must say so, or no box means tight
            sure = torch.from_numpy(SURE * (2 * beside.astype(np.float32) - 1)).to(targets.device)
            mask = self._as_prompt(sure, features[0])
        for number in range(self._rounds):
            tokens = talk.tokens(self._frame)
            said = tokens.coordinates.to(targets.device), tokens.labels.to(targets.device)
            logits, scores = self.student.decode(features, *said, mask)
            loss = self._loss(logits.float(), scores.float(), targets, tokens.unclear)
            losses.append(loss if judge is None else loss + judge(Round(*said, mask, logits, scores)))
            answer = logits[:, 0].detach().float()
            found.append(overlap(answer, targets).mean())
            if number + 1 < self._rounds:
                talk.correct((answer > 0).cpu().numpy())
                mask = None if rng.random() < _FORGOTTEN else self._as_prompt(answer, features[0])
        return {"loss": torch.stack(losses).mean(), "first_iou": found[0], "last_iou": found[-1]}

    def _loss(self, logits: Tensor, scores: Tensor, targets: Tensor, unclear: Tensor) -> Tensor:
        wanted = targets[:, None].expand_as(logits)
        real = overlap(logits.detach(), wanted)
        score = functional.mse_loss(scores, real)
        loss = mask_loss(logits[:, 0], targets).mean() + score
        lone = torch.nonzero(unclear.to(logits.device)).flatten()
        if len(lone) and logits.shape[1] > 1:
            each = mask_loss(logits[lone, 1:], wanted[lone, 1:])
            share = len(lone) / len(logits)
            loss = loss + _CANDIDATES * share * (each.min(1).values.mean() + _OTHERS * each.mean())
        return loss

    @staticmethod
    def _as_prompt(logits: Tensor, embedding: Tensor) -> Tensor:
        """Bring an answer (P, h, h) to the resolution of a mask prompt, (P, 1, 4g, 4g)."""
        side = 4 * embedding.shape[-1]
        return functional.adaptive_avg_pool2d(logits[:, None], side)


class Validation:
    """Looks at the same views of held-out cases every time, with the same prompts.

    Parameters
    ----------
    stream : ViewStream
        Of the held-out pictures.
    batches : int
        How many of its batches to look at.
    names : sequence of str
        Which of the task's figures count.
    """

    def __init__(
        self, stream: ViewStream, batches: int = 8, names: Sequence[str] = ("first_iou", "last_iou")
    ) -> None:
        self._stream, self._count, self._names = stream, batches, names
        self._kept: list[Batch] = []

    @torch.no_grad()
    def __call__(self, task: nn.Module) -> dict[str, float]:
        """Return the mean of each of the figures over the views, and the mean of these as ``score``."""
        self._kept = self._kept or [self._stream.batch(step) for step in range(self._count)]
        device = next(task.parameters()).device
        found = [task(batch.to(device)) for batch in self._kept]
        weights = [batch.weight / sum(one.weight for one in self._kept) for batch in self._kept]
        means = {
            name: sum(float(figures[name]) * weight for figures, weight in zip(found, weights, strict=True))
            for name in self._names
        }
        score = sum(means.values()) / len(means)
        return {"score": score, **{f"held_out_{name}": mean for name, mean in means.items()}}
