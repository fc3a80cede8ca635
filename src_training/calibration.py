"""Probabilities that hold on cases never seen, and where to cut them, from the validation cases.

One temperature for all logits, a threshold for each kind of image where ½ is not the best one, and a
temperature of the router, so that images of no kind that it knows are doubted and hardly any others.
Reference: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from napari_medkd.inference.routing import SURE
from src_training.losses.masks import hard_dice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

_TRIED = np.exp(np.linspace(np.log(0.25), np.log(8), 61))
_CUT = tuple(round(0.05 * place, 2) for place in range(4, 15))  # thresholds that are tried
_CASES, _GAIN = 10, 0.005  # fewer cases, and less of mean Dice, are left to chance
_SURE = 3.0  # standard errors that a gain must have: of eleven thresholds one is good by chance
_ROUTED, _DOUBTED = 20, 0.05  # cases at least, and the share of them that may be doubted
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


@torch.no_grad()
def thresholds(task: nn.Module, validation: Validation, temperature: float) -> dict[int, float]:
    """Return the probability at which the masks of each kind have the best mean Dice.

    A kind with few cases, or one that gains next to nothing or by chance, is cut at ½. None is below 0.2:
    where there is nothing, something would be found.

    Parameters
    ----------
    task : nn.Module
        As for `temperature`.
    validation : Validation
        Its batches say of which kind (by place) each case is.
    temperature : float
        What the log odds are divided by.
    """
    task.eval()
    device = next(task.parameters()).device
    found: dict[int, list[list[float]]] = {}
    for batch in validation.batches():
        odds, shares, _ = task.judged(batch.to(device))  # type: ignore[operator, attr-defined]
        levels = [temperature * float(np.log(tried / (1 - tried))) for tried in _CUT]
        dices = torch.stack([hard_dice(odds.float() - level, shares) for level in levels], 1)
        for place, own in zip(batch.kinds.tolist(), dices.tolist(), strict=True):  # type: ignore[attr-defined]
            found.setdefault(place, []).append(own)
    chosen = {}
    for place, rows in found.items():
        gains = np.array(rows) - np.array(rows)[:, [_CUT.index(0.5)]]
        best = int(gains.mean(0).argmax())
        sure = _SURE * gains[:, best].std() / np.sqrt(len(rows))
        is_worth_it = len(rows) >= _CASES and gains[:, best].mean() >= max(_GAIN, sure)
        chosen[place] = _CUT[best] if is_worth_it else 0.5
    return chosen


@torch.no_grad()
def router_temperature(task: nn.Module, validation: Validation) -> float:
    """Return what the router's log odds must be divided by so that one known image in twenty is doubted.

    A router that learnt for long is all but certain of everything, strangers included. Doubted is what it is
    less than `SURE` of. It is never made surer than it is, and left alone where there are few cases.

    Parameters
    ----------
    task : nn.Module
        Its ``model.encode(images)`` ends in the log odds of the kinds.
    validation : Validation
        Held-out cases of known kinds, as batches with ``images``.
    """
    task.eval()
    device = next(task.parameters()).device
    model: Any = task.model
    odds = torch.cat(
        [model.encode(batch.to(device).images)[-1].float().cpu() for batch in validation.batches()]  # type: ignore[attr-defined]
    )
    if len(odds) < _ROUTED or odds.shape[1] < 2:
        return 1.0
    for tried in _TRIED[_TRIED >= 1]:
        surest = (odds / float(tried)).softmax(1).amax(1)
        if float((surest < SURE).float().mean()) >= _DOUBTED:
            return round(float(tried), 4)
    return round(float(_TRIED[-1]), 4)


def _thinned(maps: Tensor) -> Tensor:
    step = max(1, maps.shape[-1] // _SIDE)
    return maps[..., ::step, ::step]
