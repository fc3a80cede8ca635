"""A suggestion: an object that a model found by itself, on one slice or on several, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from napari_medkd.core.geometry import Geometry, Plane
    from napari_medkd.inference.cutout import Cutout, Piece

# What it was cut from (target, slice, place in the answer): the same at every threshold.
Key: TypeAlias = tuple[str, int, int]
EVERYWHERE = -1  # in the place of a slice: all that there is of a target


class Status(Enum):
    """What became of a suggestion."""

    NEW = "New"
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A suggestion on one slice.

    Parameters
    ----------
    piece : Piece
        Its pixels.
    score : float
        The overlap to expect, 0 to 1.
    cutout : Cutout
        What the model answered.
    pixels : int
        How many there are.
    level : float
        Log odds that they exceed.
    """

    piece: Piece
    score: float
    cutout: Cutout
    pixels: int
    level: float = 0.0

    @classmethod
    def of(cls, piece: Piece, score: float, cutout: Cutout, level: float = 0.0) -> Part:
        """Count the pixels, once for all."""
        return cls(piece, score, cutout, piece.count, level)

    @property
    def plane(self) -> Plane:
        """The slice."""
        return self.cutout.plane

    def holds(self, position: tuple[int, int, int]) -> bool:
        """Tell whether it has a pixel at the voxel (z, y, x)."""
        if position[self.plane.axis] != self.plane.index:
            return False
        row, column = (position[axis] for axis in self.plane.in_plane)
        top, left = row - self.piece.corner[0], column - self.piece.corner[1]
        height, width = self.piece.pixels.shape
        return 0 <= top < height and 0 <= left < width and bool(self.piece.pixels[top, left])


@dataclass(frozen=True, slots=True, eq=False)
class Suggestion:
    """One object that a model suggests.

    Parameters
    ----------
    key : tuple
        Names it, also after it was cut at another threshold.
    parts : tuple of Part
        By rising slice; one at least.
    pixels : int
        On all slices together.
    """

    key: Key
    parts: tuple[Part, ...]
    pixels: int

    @classmethod
    def of(cls, key: Key, parts: tuple[Part, ...]) -> Suggestion:
        """Put the parts of an object together."""
        return cls(key, parts, sum(part.pixels for part in parts))

    @property
    def name(self) -> str:
        """What it shows, in the words of the model's card; empty where nobody knows."""
        return self.key[0]

    @property
    def is_joined(self) -> bool:
        """Whether it is all that there is of a target."""
        return self.key[1] == EVERYWHERE

    @property
    def score(self) -> float:
        """How sure the model is, 0 to 1: the overlap to expect, larger parts counting more."""
        if len(self.parts) == 1:
            return self.parts[0].score
        return float(np.average([part.score for part in self.parts], weights=[p.pixels for p in self.parts]))

    @property
    def model_id(self) -> str:
        """Who suggests it."""
        return self.parts[0].cutout.model_id

    @property
    def main(self) -> Part:
        """Its largest part, where it is looked at first."""
        return max(self.parts, key=lambda part: part.pixels)

    @property
    def planes(self) -> tuple[int, int]:
        """The first and the last slice."""
        return self.parts[0].plane.index, self.parts[-1].plane.index

    def on(self, plane: Plane) -> Part | None:
        """Return its part on a slice; None where it has none."""
        return next((part for part in self.parts if part.plane == plane), None)

    def size(self, geometry: Geometry) -> float:
        """Return its area in mm², or its volume in mm³ where it lies on several slices."""
        voxel = float(np.prod(geometry.spacing))
        axis = self.parts[0].plane.axis
        return self.pixels * (voxel if len(self.parts) > 1 else voxel / geometry.spacing[axis])


@dataclass(frozen=True, slots=True)
class Nothing:
    """A target that is not on a slice, as far as the model can tell.

    Parameters
    ----------
    plane : Plane
        The slice.
    name : str
        What is not there.
    sure : float
        How sure the model is of that, 0 to 1.
    """

    plane: Plane
    name: str
    sure: float
