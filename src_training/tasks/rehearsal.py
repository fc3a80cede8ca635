"""Learning from corrections without forgetting: masks with prompts in the loop, and what the old model says.

Views of corrected images teach what the user accepted. Views of other kinds of images are rehearsed beside
them, and there the student also keeps to what it answered before it began to learn ("Learning without
Forgetting", Li and Hoiem 2018, section 3, with the old answers as soft masks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from torch.nn import functional

from src_training.rehearsal import RehearsalBatch
from src_training.tasks.masks import MaskTask

if TYPE_CHECKING:
    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel
    from src_training.advice import Advice
    from src_training.batches import Batch
    from src_training.tasks.masks import Round


class RehearsalTask(MaskTask):
    """Prompts in the loop on corrected and on rehearsed views.

    The encoder keeps its statistics: a few corrected images must not move them.

    Parameters
    ----------
    student : PromptableModel
        What learns.
    before : PromptableModel
        The same before it began; no part of the task, so that checkpoints hold the student alone.
    retain : float
        Weight of the distance to the old answers on rehearsed views.
    advice : Advice, optional
        How what a teacher says of corrected views is learnt, where batches have it.
    **settings
        As of `MaskTask`.
    """

    def __init__(
        self,
        student: PromptableModel,
        before: PromptableModel,
        retain: float,
        *,
        advice: Advice | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(student, **settings)
        self.advice = advice
        self._before = [before.eval().requires_grad_(False)]  # in a list: not a part of the module
        self._retain = retain

    def train(self, mode: bool = True) -> Self:
        """Go into training mode, but for the encoder."""
        super().train(mode)
        self.student.image_encoder.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss``, its parts, and the mean overlap after the first and the last round.

        The parts are ``retain`` on rehearsed views, and where a teacher was asked ``hidden`` and ``taught``.
        """
        assert isinstance(batch, RehearsalBatch)
        encoded = batch.features or self.student.encode(batch.images)
        rehearsed = torch.nonzero(batch.rehearsed).flatten()
        old = self._old_features(batch, rehearsed) if self._retain and len(rehearsed) else []
        parts: dict[str, list[Tensor]] = {}

        def judge(asked: Round) -> Tensor:
            loss = asked.logits.new_zeros(())
            if old:
                parts.setdefault("retain", []).append(self._distance(asked, old, rehearsed))
                loss = loss + self._retain * parts["retain"][-1] * (len(rehearsed) / batch.weight)
            if self.advice is not None and batch.taught is not None:
                parts.setdefault("taught", []).append(self.advice.answers(asked.logits[:, 0], batch))
                loss = loss + self.advice.weight * parts["taught"][-1]
            return loss

        found = self.converse(batch, encoded, judge)
        if self.advice is not None and batch.hidden is not None:
            parts["hidden"] = [self.advice.embeddings(encoded[0], batch)]
            found["loss"] = found["loss"] + self.advice.hidden * parts["hidden"][0]
        return found | {name: torch.stack(values).mean().detach() for name, values in parts.items()}

    @torch.no_grad()
    def answered(self, batch: Batch) -> Tensor:
        """Return the answers (P, h, h) to a first prompt for each object, as logits."""
        last: list[Tensor] = []

        def judge(asked: Round) -> Tensor:
            last.append(asked.logits[:, 0])
            return asked.logits.new_zeros(())

        self.converse(batch, self.student.encode(batch.images), judge)
        return last[0]

    @torch.no_grad()
    def _old_features(self, batch: RehearsalBatch, rehearsed: Tensor) -> list[Tensor]:
        (before,) = self._before
        owners = batch.owners[rehearsed]
        if batch.features:
            return [maps[owners] for maps in batch.features]
        views, owners = torch.unique(owners, return_inverse=True)
        return [maps[owners] for maps in before.to(batch.images.device).encode(batch.images[views])]

    def _distance(self, asked: Round, old: list[Tensor], rehearsed: Tensor) -> Tensor:
        """Return the cross-entropy with the old model's soft masks, and how far the predicted overlap is."""
        (before,) = self._before
        mask = asked.mask[rehearsed] if asked.mask is not None else None
        with torch.no_grad():
            wanted, scores = before.to(old[0].device).decode(
                old, asked.coordinates[rehearsed], asked.labels[rehearsed], mask
            )
        masks = functional.binary_cross_entropy_with_logits(asked.logits[rehearsed], wanted.sigmoid())
        return masks + functional.mse_loss(asked.scores[rehearsed], scores)
