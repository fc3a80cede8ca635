"""When a walk through a volume ends: the object vanished, jumped, or is not believed any more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Why(Enum):
    """Why a walk ended, in words for the user."""

    EDGE = "the end of the range"
    VANISHED = "nothing of it was found any more"
    FADED = "it looks unlike the object"
    JUMPED = "its area jumped"
    UNSURE = "the score fell"


@dataclass(frozen=True, slots=True)
class Rules:
    """What ends a walk in one direction; between two prompted slices nothing does.

    Parameters
    ----------
    score : float
        Lowest estimate of the overlap that the model may give its own mask, 0 to 1; 0 never stops.
    jump : float
        How many times larger or smaller an area may be than on the slice before it; 0 never stops.
    jump_mm2 : float
        A smaller change of the area is no jump, however large it is beside a small object.
    vanished : int
        After so many slices in a row on which nothing is found the object has ended; one or more.
    likeness : float
        Lowest likeness of what is found to the object on the prompted slices, 0 to 1; 0 never stops.
    """

    score: float = 0.5
    jump: float = 2.5
    jump_mm2: float = 30.0
    vanished: int = 2
    likeness: float = 0.65

    def __post_init__(self) -> None:
        if self.vanished < 1:
            raise ValueError("vanished must be at least 1")

    @classmethod
    def strict(cls) -> Rules:
        """Return rules that rather stop too early than too late."""
        return cls(score=0.65, jump=1.8, likeness=0.75, vanished=1)

    @classmethod
    def none(cls) -> Rules:
        """Return rules that stop only where nothing is found."""
        return cls(score=0.0, jump=0.0, likeness=0.0)

    def broken(self, score: float, likeness: float, before_mm2: float, now_mm2: float) -> Why | None:
        """Return which rule a slice breaks, None where it may be kept.

        Parameters
        ----------
        score, likeness : float
            Of the mask that was found.
        before_mm2, now_mm2 : float
            Area of the object on the slice before it, and on it.
        """
        if score < self.score:
            return Why.UNSURE
        if likeness < self.likeness:
            return Why.FADED
        larger, smaller = max(before_mm2, now_mm2), min(before_mm2, now_mm2)
        if self.jump and larger > self.jump * smaller and larger - smaller > self.jump_mm2:
            return Why.JUMPED
        return None
