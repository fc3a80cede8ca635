"""From architecture parameters to one encoder, cheap enough: top-k of each slot, then swaps until it fits.

Reference: "EfficientMedSAM" (EDGE 2024) keeps the strongest operation of every edge (k = 1). What is swapped
for what, so that a target is met, is ours: the swap that loses the least probability for what it saves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medkd.models.encoders.blueprint import NONE
from src_training.search.space import live_slots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from src_training.search.space import Choice, Slot, Space

Scores = dict[str, dict[str, float]]
"""Name of a slot → operation → how much the search likes it: log softmax(α)."""
Costs = dict[str, dict[str, float]]
"""Name of a slot → operation → what it costs, in milliseconds or multiply-accumulates."""

_EPSILON = 1e-9


def top(space: Space, scores: Scores, k: int = 1) -> dict[str, tuple[str, ...]]:
    """Return the k best operations of every slot; a slot where ``none`` is best stays empty.

    A step down has one operation; a stage that nothing leads through is its step down alone.
    """
    choice: dict[str, tuple[str, ...]] = {}
    for slot in space.slots:
        own = scores[slot.name]
        ranked = sorted(slot.candidates, key=own.__getitem__, reverse=True)
        if slot.stride > 1:
            choice[slot.name] = (ranked[0],)
        else:
            choice[slot.name] = () if ranked[0] == NONE else tuple(n for n in ranked if n != NONE)[:k]
    return choice


@dataclass(frozen=True, slots=True)
class Swap:
    """One slot with other operations.

    Parameters
    ----------
    slot : Slot
        Where.
    operations : tuple of str
        What is there then.
    gain : float
        By how much the search likes it more; mostly below 0.
    cost : float
        By how much it is dearer.
    """

    slot: Slot
    operations: tuple[str, ...]
    gain: float
    cost: float


class Fitting:
    """Fits choices to a cost.

    Parameters
    ----------
    space : Space
        What is chosen from.
    scores, costs : dict
        What is liked and what it costs.
    shared : float
        What every encoder of the space costs besides: its neck.
    """

    def __init__(self, space: Space, scores: Scores, costs: Costs, shared: float = 0.0) -> None:
        self._space, self._scores, self._costs, self._shared = space, scores, costs, shared

    def cost(self, choice: Choice) -> float:
        """Return what a choice costs, dead ends left out."""
        return self._shared + sum(
            self._costs[slot.name][name] for slot in self._live(choice) for name in choice[slot.name]
        )

    def fit(self, choice: Choice, target: float, least: float = 0.0) -> dict[str, tuple[str, ...]]:
        """Return the choice with as few regrets as can be that costs at most `target`, and `least` if it can.

        Where even the cheapest is too dear, that is returned.
        """
        fitted = dict(choice)
        while (cost := self.cost(fitted)) > target + _EPSILON:
            swap = self._best(fitted, target - cost, -math.inf)
            if swap is None:
                break
            fitted[swap.slot.name] = swap.operations
        while (cost := self.cost(fitted)) < least:
            swap = self._best(fitted, target - cost, _EPSILON)
            if swap is None:
                break
            fitted[swap.slot.name] = swap.operations
        return fitted

    def bounds(self) -> tuple[float, float]:
        """Return what the cheapest and the dearest encoder of the space cost."""
        cheapest = self.fit(top(self._space, self._scores), -math.inf)
        dearest = top(self._space, self._costs)
        return self.cost(cheapest), self.cost(dearest)

    def _best(self, choice: Choice, room: float, least: float) -> Swap | None:
        """Return the swap that loses least for what it saves or, where there is room, for what it adds."""
        cheaper = room < 0
        fitting = [
            swap
            for swap in self._swaps(choice)
            if (swap.cost < -_EPSILON if cheaper else least < swap.cost <= room)
        ]
        return max(
            fitting, key=lambda swap: swap.gain / abs(swap.cost) if swap.gain < 0 else swap.gain, default=None
        )

    def _swaps(self, choice: Choice) -> Iterator[Swap]:
        now = self.cost(choice)
        for slot in self._space.slots:
            own = choice[slot.name]
            liked = self._liked(slot, own)
            for name in slot.candidates:
                operations = () if name == NONE else (name,)
                if operations != own:
                    cost = self.cost({**choice, slot.name: operations}) - now
                    yield Swap(slot, operations, self._liked(slot, operations) - liked, cost)

    def _liked(self, slot: Slot, operations: tuple[str, ...]) -> float:
        scores = self._scores[slot.name]
        if not operations:
            return scores[NONE] if NONE in scores else min(scores.values())
        return max(scores[name] for name in operations)

    def _live(self, choice: Choice) -> list[Slot]:
        found = []
        for stage in range(len(self._space.widths)):
            own = [slot for slot in self._space.slots if slot.stage == stage]
            found += [slot for slot in own if slot.stride > 1]
            found += live_slots([slot for slot in own if slot.stride == 1], choice)
        return found


def scores_of(probabilities: Mapping[str, Mapping[str, float]]) -> Scores:
    """Return log probabilities."""
    return {
        slot: {name: math.log(max(value, _EPSILON)) for name, value in own.items()}
        for slot, own in probabilities.items()
    }
