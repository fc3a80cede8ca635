"""What a set of scores says: means with intervals over cases, and the baseline that costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Box

_DRAWS = 5000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over cases and its bootstrap interval.

    Parameters
    ----------
    n : int
        Cases.
    mean, low, high : float
        The mean and the ends of its interval; NaN without cases.
    """

    n: int
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.n})"


def estimate(scores: Sequence[float], generator: np.random.Generator, level: float = 0.95) -> Estimate:
    """Return the mean of `scores` with the percentile bootstrap interval of `level` over cases."""
    values = np.asarray(scores, np.float64)
    if values.size == 0:
        return Estimate(0, float("nan"), float("nan"), float("nan"))
    drawn = generator.integers(0, values.size, (_DRAWS, values.size))
    low, high = np.quantile(values[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(values.size, float(values.mean()), float(low), float(high))


def filled_box(box: Box, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask that calls everything in the box the object: what a model must beat."""
    mask = np.zeros(shape, np.bool_)
    top, left = max(0, round(box.top)), max(0, round(box.left))
    mask[top : round(box.bottom) + 1, left : round(box.right) + 1] = True
    return mask
