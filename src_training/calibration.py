"""Probabilities that hold on cases never seen: one temperature for all logits, from the validation cases.

Reference: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_medkd.models.decoders.prompt_free import log_odds

if TYPE_CHECKING:
    from torch import nn

    from src_training.tasks.classes import ClassValidation

_TRIED = np.exp(np.linspace(np.log(0.25), np.log(8), 61))


@torch.no_grad()
def temperature(task: nn.Module, validation: ClassValidation) -> float:
    """Return what log odds must be divided by so that their cross-entropy with the truth is least.

    Parameters
    ----------
    task : nn.Module
        A `ClassTask`; it is put into evaluation mode.
    validation : ClassValidation
        The held-out cases.
    """
    task.eval()
    device = next(task.parameters()).device
    sums = torch.zeros(len(_TRIED), dtype=torch.float64)
    for batch in validation.batches():
        batch = batch.to(device)
        odds = log_odds(task.scores(batch.images).float())  # type: ignore[operator]
        for index, tried in enumerate(_TRIED):
            entropy = functional.binary_cross_entropy_with_logits(
                odds / float(tried), batch.shares, reduction="none"
            )
            sums[index] += float((entropy * batch.inside).sum())
    return round(float(_TRIED[int(sums.argmin())]), 4)
