"""How long a person worked on something, without their pauses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_IDLE = 60.0  # seconds without a sign of the person that still count as work


class Stopwatch:
    """Counts seconds; of a pause without a sign of the person it counts the first minute.

    Parameters
    ----------
    clock : callable
        Seconds, by a clock that does not jump.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._spent = 0.0

    def touch(self) -> None:
        """Take note that the person does something."""
        now = self._clock()
        self._spent += min(now - self._last, _IDLE)
        self._last = now

    @property
    def so_far(self) -> float:
        """Seconds since the last `take`."""
        return self._spent + min(self._clock() - self._last, _IDLE)

    def take(self) -> float:
        """Return the seconds since the last `take`, and begin again."""
        self.touch()
        spent, self._spent = self._spent, 0.0
        return spent
