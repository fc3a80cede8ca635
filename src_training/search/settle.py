"""A choice that holds what it promises: derived, measured as a whole, and derived again until it fits."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from napari_medkd.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Callable

    from src_training.search.derive import Fitting
    from src_training.search.space import Choice

TOLERANCE = 0.2  # share of the target that a measurement may be off
_ROOM = (0.88, 1.0)  # shares of the target that are aimed at
_TRIES = 8
_LOOKS = 3  # until a measurement above the promise is believed: another program may have been in the way


@dataclass(frozen=True, slots=True)
class Settled:
    """A choice, what it should cost, what it does, and how many were tried."""

    choice: dict[str, tuple[str, ...]]
    predicted: float
    measured: float
    tries: int


def settle(
    fitting: Fitting,
    choice: Choice,
    target: float,
    measure: Callable[[Choice], float],
    scale: float = 1.0,
    tell: Callable[[float, float], None] = lambda predicted, measured: None,
) -> Settled:
    """Return the choice nearest to what is liked that meets the target when it is measured.

    Each measurement corrects how far the sum of the parts is off; where it misses, cheaper (or dearer)
    operations take the place of the least missed ones.

    Parameters
    ----------
    fitting : Fitting
        What is liked and what it costs.
    choice : Choice
        What is liked best.
    target : float
        What it may cost; 0 for anything, and then it is measured only.
    measure : callable
        Returns what a whole encoder costs.
    scale : float
        What whole encoders cost, per sum of their parts.
    tell : callable
        Hears the promise and the measurement of every try.

    Returns
    -------
    settled : Settled
        The try that came nearest, where none was within the tolerance.
    """
    tried: list[Settled] = []
    ratios = [scale]
    for number in range(1, _TRIES + 1):
        fitted = (
            fitting.fit(choice, _ROOM[1] * target / scale, _ROOM[0] * target / scale)
            if target
            else dict(choice)
        )
        parts = fitting.cost(fitted)
        measured = _measured(measure, fitted, scale * parts)
        tell(scale * parts, measured)
        tried.append(Settled(fitted, scale * parts, measured, number))
        if not target or abs(measured - target) <= TOLERANCE / 2 * target:
            return tried[-1]
        if any(one.choice == fitted for one in tried[:-1]):
            break  # the space has nothing nearer
        ratios.append(measured / parts)
        scale = median(ratios)
    best = min(tried, key=lambda one: abs(one.measured - target))
    return Settled(best.choice, best.predicted, best.measured, len(tried))


def _measured(measure: Callable[[Choice], float], choice: Choice, promised: float) -> float:
    """Return the lowest of as many measurements as it takes to come near a promise, within reason."""
    lowest = measure(choice)
    for _ in range(_LOOKS - 1):
        if lowest <= (1 + TOLERANCE / 2) * promised:
            break
        lowest = min(lowest, measure(choice))
    return lowest


def check_reachable(fitting: Fitting, target: float, scale: float, unit: str) -> float:
    """Return what the dearest encoder of a space costs; an unreachable target is an `InvalidSetting`."""
    cheapest, dearest = (scale * cost for cost in fitting.bounds())
    if cheapest > (1 + TOLERANCE) * target:
        raise InvalidSetting(
            f"The cheapest encoder of this search takes {cheapest:.3g} {unit} here, and {target:.3g} are "
            "wanted.",
            "Choose a smaller size or widths=tiny, more threads, or a higher target.",
        )
    return dearest
