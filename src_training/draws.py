"""Batches that depend on the seed and the step alone: a resumed run sees what it would have seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

_Drawn = TypeVar("_Drawn", covariant=True)


@dataclass(frozen=True, slots=True)
class Draws:
    """How much is drawn for a batch, and by what chance.

    Parameters
    ----------
    size : int
        Pictures or views in a batch.
    seed : int
        Where chance starts.
    rank, world : int
        Which of how many processes this is; each draws on its own.
    """

    size: int
    seed: int
    rank: int = 0
    world: int = 1

    def chance(self, step: int, *salt: int) -> Generator:
        """Return this process's chance in a step; `salt` keeps streams of one seed apart."""
        return self.common(step, *salt, self.rank, self.world)

    def common(self, step: int, *salt: int) -> Generator:
        """Return the chance in a step that all processes have in common."""
        return np.random.default_rng((self.seed, step, *salt))


class Stream(ABC, Generic[_Drawn]):
    """The batches of a stage, each the same whenever its step is reached."""

    @abstractmethod
    def batch(self, step: int) -> _Drawn:
        """Return the batch of one step."""

    def __call__(self, first: int) -> Iterator[_Drawn]:
        """Yield the batches from step `first` on, without end."""
        return map(self.batch, count(first))
