"""Probabilities that hold on cases never seen: one temperature for all logits, from the validation cases.

Reference: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

_TRIED = np.exp(np.linspace(np.log(0.25), np.log(8), 61))
_SIDE = 128  # rows and columns of a map that are looked at: every n-th one says as much


class Validation(Protocol):
    """Held-out cases in batches that can be put on a device."""

    def batches(self) -> Iterable[object]:
        """Yield all cases."""
        ...


@torch.no_grad()
def temperature(task: nn.Module, validation: Validation) -> float:
    """Return what log odds must be divided by so that their cross-entropy with the truth is least.

    Parameters
    ----------
    task : nn.Module
        Its ``judged(batch)`` returns log odds, shares of the truth and weights, (B, …, h, h) each; it is put
        into evaluation mode.
    validation : Validation
        The held-out cases.
    """
    task.eval()
    device = next(task.parameters()).device
    sums = torch.zeros(len(_TRIED), dtype=torch.float64)
    for batch in validation.batches():
        found = task.judged(batch.to(device))  # type: ignore[operator, attr-defined]
        odds, shares, weight = (_thinned(maps.float()) for maps in found)
        for index, tried in enumerate(_TRIED):
            entropy = functional.binary_cross_entropy_with_logits(
                odds / float(tried), shares, reduction="none"
            )
            sums[index] += float((entropy * weight).sum())
    return round(float(_TRIED[int(sums.argmin())]), 4)


def _thinned(maps: Tensor) -> Tensor:
    step = max(1, maps.shape[-1] // _SIDE)
    return maps[..., ::step, ::step]
