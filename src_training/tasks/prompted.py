"""One prompt, one mask: fine-tuning on a labelled set as KD-SAM and SAM's adaptations do it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from src_training.clicks import Conversation, usable
from src_training.losses.masks import overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel
    from src_training.batches import Batch


class PromptedTask(nn.Module):
    """Each object is asked for once, with a box or a point, and its mask compared with the truth.

    The encoder stays in evaluation mode where none of its own weights learn: a batch of few pictures must not
    move the statistics of a network that is frozen.

    Parameters
    ----------
    student : PromptableModel
        What learns.
    frame : int
        Side of the prompt frame, in pixels.
    seed : int
        Where chance starts, together with the batch's step.
    loss : callable
        Takes logits and targets (P, h, h), returns the loss of each mask (P,).
    boxes : float
        Share of objects that are asked for with a box, its edges off by a little; the others with a point.
    score : float
        Weight of the squared error of the predicted overlap.
    still : bool
        Whether the encoder keeps its statistics (see above).
    """

    def __init__(
        self,
        student: PromptableModel,
        frame: int,
        seed: int,
        loss: Callable[[Tensor, Tensor], Tensor],
        *,
        boxes: float = 0.5,
        score: float = 1.0,
        still: bool = True,
    ) -> None:
        super().__init__()
        self.student = student
        self._frame, self._seed = frame, seed
        self._loss, self._boxes, self._score = loss, boxes, score
        self._still = still

    def train(self, mode: bool = True) -> Self:
        """Go into training mode, but for a frozen encoder."""
        super().train(mode)
        if self._still:
            self.student.image_encoder.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss``, its parts and the mean overlap ``iou``."""
        with nullcontext() if self._encoder_learns() else torch.no_grad():
            features = self.student.encode(batch.images)
        return self.compared(*self.answer(batch, features), batch.targets)

    def answer(self, batch: Batch, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Ask for each object with this step's prompt: its logits (P, h, h), its predicted overlap (P,)."""
        rng = np.random.default_rng((self._seed, batch.step, 1))
        talk = Conversation(usable(batch.targets.cpu().numpy()), rng, self._boxes, scribbles=0)
        tokens = talk.tokens(self._frame)
        logits, scores = self.student.decode(
            [maps[batch.owners] for maps in features],
            tokens.coordinates.to(batch.targets.device),
            tokens.labels.to(batch.targets.device),
        )
        return logits[:, 0].float(), scores[:, 0].float()

    def compared(self, answer: Tensor, scores: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return ``loss``, its parts and the mean overlap of answers with what was meant."""
        real = overlap(answer, targets)
        masks = self._loss(answer, targets).mean()
        score = functional.mse_loss(scores, real)
        return {"loss": masks + self._score * score, "masks": masks, "score_error": score, "iou": real.mean()}

    def _encoder_learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.student.image_encoder.parameters())
