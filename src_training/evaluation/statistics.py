"""What a set of scores says: mean, median, and an interval over cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

_DRAWS = 5000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean and median of scores, and the bootstrap interval of the mean over cases.

    Parameters
    ----------
    n : int
        Scores: objects.
    cases : int
        Independent cases they come from: images or volumes.
    mean, median : float
        Over all scores; NaN without any.
    low, high : float
        The ends of the interval of the mean; NaN without scores, and where all come from one case: a single
        case says nothing about others.
    """

    n: int
    cases: int
    mean: float
    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.n})"


def estimate(
    scores: Sequence[float],
    generator: np.random.Generator,
    level: float = 0.95,
    cases: Sequence[Hashable] | None = None,
) -> Estimate:
    """Return the mean of `scores` with the percentile bootstrap interval of `level` over cases.

    Parameters
    ----------
    scores : sequence of float
        One an object.
    generator : Generator
        Draws the cases.
    level : float
        Share of the drawn means inside the interval.
    cases : sequence, optional
        Which case each score comes from: its objects are drawn together, since they are alike. Without it
        each score is a case.
    """
    values = np.asarray(scores, np.float64)
    if values.size == 0:
        return Estimate(0, 0, math.nan, math.nan, math.nan, math.nan)
    totals, counts = _by_case(values, cases)
    low = high = math.nan
    if cases is None or len(totals) > 1:
        drawn = generator.integers(0, len(totals), (_DRAWS, len(totals)))
        means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        low, high = map(float, np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))
    return Estimate(values.size, len(totals), float(values.mean()), float(np.median(values)), low, high)


def _by_case(
    values: NDArray[np.float64], cases: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sum and the number of the scores of each case."""
    if cases is None:
        return values, np.ones(values.size, np.int64)
    numbers = {case: number for number, case in enumerate(dict.fromkeys(cases))}
    where = np.array([numbers[case] for case in cases])
    return np.bincount(where, weights=values).astype(np.float64), np.bincount(where).astype(np.int64)
