"""The suggestions of one image: what a model said of its slices, and what the user made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.session.suggestion import EVERYWHERE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.inference.cutout import Cutout
    from napari_medkd.session.looking import Looked
    from napari_medkd.session.suggestion import Key, Nothing, Suggestion

_COVERED = 0.8  # of a suggestion's pixels: it was committed before, and is not suggested again


@dataclass(slots=True, eq=False)
class Review:
    """One image: what a model said of its slices, what that suggests, and what the user decided.

    Parameters
    ----------
    model_id : str
        Who was asked.
    axis : int
        Along which the slices lie.
    answers : dict
        What was said, by slice.
    kinds, modality : dict, str
        How likely each kind of image is, and which it was taken for; empty where the model does not tell.
    suggestions, nothing : tuple
        What the answers come to, the least sure first.
    accepted : dict
        The committed object of each suggestion that was accepted.
    rejected, covered : set
        Suggestions that the user does not want, and those that were committed before.
    is_stale : bool
        Whether answers were not cut since they came.
    """

    model_id: str
    axis: int
    answers: dict[Plane, tuple[Cutout, ...]] = field(default_factory=dict)
    kinds: dict[str, float] = field(default_factory=dict)
    modality: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    nothing: tuple[Nothing, ...] = ()
    accepted: dict[Key, int] = field(default_factory=dict)
    rejected: set[Key] = field(default_factory=set)
    covered: set[Key] = field(default_factory=set)
    known: set[Key] = field(default_factory=set)
    is_stale: bool = False

    def take(self, looked: Looked) -> None:
        """Take in what was found on a slice; what was decided about it before is forgotten."""
        self.answers[looked.plane] = looked.answers
        self.kinds, self.modality = looked.kinds, looked.modality
        self.is_stale = True
        for decided in (self.rejected, self.covered, self.known):
            decided -= {key for key in decided if key[1] in (looked.plane.index, EVERYWHERE)}
        for key in [key for key in self.accepted if key[1] in (looked.plane.index, EVERYWHERE)]:
            del self.accepted[key]

    @property
    def shown(self) -> tuple[Suggestion, ...]:
        """The suggestions, without those that were committed before."""
        return tuple(one for one in self.suggestions if one.key not in self.covered)

    def cover(self, labels: NDArray[np.uint16]) -> None:
        """Leave out those that are new and lie where something is committed already."""
        for one in self.suggestions:
            if one.key not in self.known:
                self.known.add(one.key)
                held = sum(
                    int(np.count_nonzero(labels[part.plane.slicing()][part.piece.window][part.piece.pixels]))
                    for part in one.parts
                )
                if held >= _COVERED * one.pixels:
                    self.covered.add(one.key)
