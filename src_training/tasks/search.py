"""One step of a search: masks with prompts through the mixture of all encoders, and what it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from src_training.losses.logits import dice_and_mask_loss
from src_training.search.supernet import entropy, expected_cost
from src_training.tasks.prompted import PromptedTask

if TYPE_CHECKING:
    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel
    from src_training.batches import Batch
    from src_training.search.derive import Costs

_HOT, _COLD = 5.0, 0.5  # temperatures of Gumbel noise at the start and the end


class SearchTask(PromptedTask):
    """L_seg + μ·|log(E[cost] / target)| + ε·H(α), for both levels alike.

    The weights of the operations see L_seg alone, since the other two depend on α only. The price has two
    sides: an encoder that is faster than it may be has given accuracy away.

    Parameters
    ----------
    student : PromptableModel
        Its image encoder is a `Supernet`.
    frame, seed, boxes : int, int, float
        As of `PromptedTask`.
    steps : int
        Of the stage; Gumbel noise cools and the weight of the entropy rises over them.
    price, certainty : float
        μ, and ε at the end.
    """

    def __init__(
        self,
        student: PromptableModel,
        frame: int,
        seed: int,
        *,
        boxes: float,
        steps: int,
        price: float,
        certainty: float,
    ) -> None:
        super().__init__(student, frame, seed, dice_and_mask_loss, boxes=boxes, still=False)
        self._steps, self._price, self._certainty = max(1, steps), price, certainty
        self._costs: Costs = {}
        self._shared, self._scale, self._target = 0.0, 1.0, 0.0

    def set_costs(self, costs: Costs, shared: float, target: float, scale: float = 1.0) -> None:
        """Say what operations cost, what all encoders share, what is wanted, and how far sums are off."""
        self._costs, self._shared, self._target, self._scale = costs, shared, target, scale

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss``, its parts, the mean overlap, the expected cost and the entropy of α."""
        net: Any = self.student.image_encoder
        done = min(1.0, batch.step / self._steps)
        net.draw(np.random.default_rng((self._seed, batch.step, 5)), _HOT * (_COLD / _HOT) ** done)
        found = super().forward(batch)
        probabilities = net.probabilities()
        spread = entropy(probabilities)
        found |= {"entropy": spread}
        found["loss"] = found["loss"] + self._certainty * done * spread
        if self._target:
            cost = self._scale * (self._shared + expected_cost(probabilities, self._costs, net.space))
            found["expected_cost"] = cost
            found["loss"] = found["loss"] + self._price * (cost / self._target).log().abs()
        return found
