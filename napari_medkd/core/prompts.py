"""What a user says about one object on one slice: points, a box, scribbles, a lasso, painted pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import InvalidPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane


@dataclass(frozen=True, slots=True)
class Point:
    """A click at (row, column) of the slice, in pixels, 0 at the centre of the first pixel."""

    row: float
    column: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle between two pixel centres, (top, left) to (bottom, right), both inside it."""

    top: float
    left: float
    bottom: float
    right: float

    @classmethod
    def around(cls, mask: NDArray[Any]) -> Box:
        """Return the tight box of a (rows, columns) mask; an empty mask is an `InvalidPrompt`."""
        rows, columns = np.nonzero(mask)
        if rows.size == 0:
            raise InvalidPrompt("A box was asked for around an empty mask.", "Mark at least one pixel.")
        return cls(float(rows.min()), float(columns.min()), float(rows.max()), float(columns.max()))

    @classmethod
    def between(cls, corner: Sequence[float], opposite: Sequence[float]) -> Box:
        """Return the box of two opposite (row, column) corners, in any order."""
        rows, columns = sorted((corner[0], opposite[0])), sorted((corner[1], opposite[1]))
        return cls(float(rows[0]), float(columns[0]), float(rows[1]), float(columns[1]))


@dataclass(frozen=True, slots=True)
class Stroke:
    """A path of (row, column) pixels: a scribble, or the outline of a lasso."""

    path: tuple[tuple[float, float], ...]
    positive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Edits:
    """Pixels that the user painted or erased by hand in the proposal; they outlive every new answer.

    Parameters
    ----------
    values : ndarray (rows, columns) int8
        1 painted, -1 erased, 0 untouched.
    """

    values: NDArray[np.int8]

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Edits:
        """Return edits of a slice of `shape` in which nothing was touched."""
        return cls(np.zeros(shape, np.int8))

    def with_stroke(self, where: NDArray[np.bool_], painted: bool) -> Edits:
        """Return the edits after a stroke over `where`; the newest stroke wins."""
        values = self.values.copy()
        values[where] = 1 if painted else -1
        return Edits(values)

    def apply(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return `mask` with the painted pixels in and the erased ones out."""
        return (mask | (self.values > 0)) & ~(self.values < 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Edits) and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that was said about the current object on `plane`; an empty prompt leaves it to the model.

    Changing one returns a new one. Coordinates are (row, column) of the slice as stored.
    """

    plane: Plane
    points: tuple[Point, ...] = ()
    box: Box | None = None
    scribbles: tuple[Stroke, ...] = ()
    lasso: Stroke | None = None
    edits: Edits | None = None

    @property
    def is_empty(self) -> bool:
        """True where nothing was said."""
        return not (self.points or self.box or self.scribbles or self.lasso or self.edits is not None)

    @property
    def kinds(self) -> frozenset[str]:
        """Which kinds of prompt are in it, in the words of `ModelCard.capabilities`."""
        present = {
            "point": bool(self.points),
            "box": self.box is not None,
            "scribble": bool(self.scribbles),
            "lasso": self.lasso is not None,
            "mask": self.edits is not None,
        }
        return frozenset(kind for kind, there in present.items() if there)

    @property
    def only_marks(self) -> bool:
        """True where clicks or strokes say what is in or out, and nothing says where the object ends."""
        return bool(self.points or self.scribbles) and self.box is None and self.lasso is None

    def with_point(self, point: Point) -> Prompt:
        """Return the prompt with one more point."""
        return replace(self, points=(*self.points, point))

    def with_box(self, box: Box | None) -> Prompt:
        """Return the prompt with another box; an object has one box a slice."""
        return replace(self, box=box)

    def check(self, shape: tuple[int, int]) -> None:
        """Raise `InvalidPrompt` where a prompt misses a slice of `shape` (rows, columns).

        A box may reach over the edge as long as part of it is inside; a point must be inside.
        """
        rows, columns = shape
        for point in self.points:
            if not (-0.5 <= point.row <= rows - 0.5 and -0.5 <= point.column <= columns - 0.5):
                raise InvalidPrompt(
                    f"The point at row {point.row:.0f}, column {point.column:.0f} is outside the image "
                    f"({rows} rows, {columns} columns).",
                    "Click inside the image.",
                )
        if self.box is not None:
            box = self.box
            if box.bottom < 0 or box.right < 0 or box.top > rows - 1 or box.left > columns - 1:
                raise InvalidPrompt(
                    f"The box from row {box.top:.0f}, column {box.left:.0f} to row {box.bottom:.0f}, column "
                    f"{box.right:.0f} is outside the image ({rows} rows, {columns} columns).",
                    "Draw it over the object.",
                )
            if box.bottom - box.top < 1 or box.right - box.left < 1:
                raise InvalidPrompt(
                    "The box is smaller than two pixels in one direction.", "Drag it around the whole object."
                )
