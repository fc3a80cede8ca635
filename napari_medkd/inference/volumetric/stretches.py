"""Which slices lie beside which prompted slices, and in which order they are worked on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from napari_medkd.errors import InvalidPrompt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reach:
    """Which slices may be reached.

    Parameters
    ----------
    first, last : int or None
        The slices of the range, both inside it; None for the end of the volume.
    direction : int
        1 only to higher slices than the prompted ones, -1 only to lower ones, 0 both ways.
    beside : int or None
        Only the slices beside this prompted one, up to the next prompted ones: after a correction.
    """

    first: int | None = None
    last: int | None = None
    direction: int = 0
    beside: int | None = None

    def holds(self, index: int) -> bool:
        """Tell whether a slice is inside the range."""
        return (self.first is None or self.first <= index) and (self.last is None or index <= self.last)

    def within(self, count: int) -> Reach:
        """Return the reach in a volume of `count` slices; a range without slices is an `InvalidPrompt`."""
        first = max(self.first or 0, 0)
        last = min(count - 1 if self.last is None else self.last, count - 1)
        if first > last:
            raise InvalidPrompt(
                f"The range from slice {self.first} to {self.last} holds no slice: the image has 0 to "
                f"{count - 1}.",
                "Give the lower slice first.",
            )
        return Reach(first, last, self.direction, self.beside)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Slices from one prompted slice on: towards the next prompted one, or to an end of the range.

    Parameters
    ----------
    start : int
        The prompted slice.
    indices : range
        The slices to fill, nearest to `start` first.
    end : int or None
        The prompted slice behind the last of them; None where there is none.
    """

    start: int
    indices: range
    end: int | None = None

    @property
    def step(self) -> int:
        """1 to higher slices, -1 to lower ones."""
        return self.indices.step


def stretches(anchors: Sequence[int], reach: Reach) -> list[Stretch]:
    """Return the stretches to fill beside prompted slices (rising order): those between, then those beyond.

    The range and the direction of `reach` concern what lies beyond the outermost prompted slices.
    """
    assert reach.first is not None and reach.last is not None
    between = [Stretch(low, range(low + 1, high), high) for low, high in pairwise(anchors)]
    up = Stretch(anchors[-1], range(max(anchors[-1] + 1, reach.first), reach.last + 1))
    down = Stretch(anchors[0], range(min(anchors[0] - 1, reach.last), reach.first - 1, -1))
    beyond = [one for one in (up, down) if reach.direction in (0, one.step)]
    return [
        one for one in (*between, *beyond) if len(one.indices) and reach.beside in (None, one.start, one.end)
    ]


def in_turn(walks: Iterable[Iterator[T]]) -> Iterator[T]:
    """Take one from each in turn until all are at their end."""
    waiting = deque(walks)
    while waiting:
        walk = waiting.popleft()
        try:
            item = next(walk)
        except StopIteration:
            continue
        waiting.append(walk)
        yield item
