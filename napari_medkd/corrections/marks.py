"""What a user said about an object, in a form that can be kept: marks with their times."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.core.prompts import Box, Edits, Point, Prompt, Stroke

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane


class Mark(BaseModel):
    """One thing that was said: a click, a box, a scribble or a lasso."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["point", "box", "scribble", "lasso"] = Field(description="What it is.")
    path: tuple[tuple[float, float], ...] = Field(
        min_length=1, description="(row, column) of its pixels; the first and the last corner of a box."
    )
    positive: bool = Field(True, description="Whether it belongs to the object.")
    seconds: float | None = Field(None, description="Seconds after the first mark; null where not known.")


def marks_of(prompt: Prompt, times: Sequence[float | None] = ()) -> tuple[Mark, ...]:
    """Return the marks of a prompt: its box, points, scribbles, then its lasso.

    Parameters
    ----------
    prompt : Prompt
        Painted pixels are no marks: they are kept as an array.
    times : sequence
        Seconds of each, in that order; marks without one have None.
    """
    return tuple(
        mark.model_copy(update={"seconds": seconds})
        for mark, seconds in zip(_marks(prompt), chain(times, repeat(None)), strict=False)
    )


def prompt_of(marks: Iterable[Mark], plane: Plane, edits: Edits | None = None) -> Prompt:
    """Return the prompt that has these marks; the inverse of `marks_of`."""
    box: Box | None = None
    lasso: Stroke | None = None
    points: list[Point] = []
    scribbles: list[Stroke] = []
    for mark in marks:
        if mark.kind == "box":
            box = Box(*mark.path[0], *mark.path[-1])
        elif mark.kind == "point":
            points.append(Point(*mark.path[0], mark.positive))
        elif mark.kind == "scribble":
            scribbles.append(Stroke(mark.path, mark.positive))
        else:
            lasso = Stroke(mark.path, mark.positive)
    return Prompt(plane, tuple(points), box, tuple(scribbles), lasso, edits)


def edits_of(values: NDArray[np.int8] | None) -> Edits | None:
    """Wrap painted and erased pixels, where there are any."""
    return None if values is None else Edits(values)


def _marks(prompt: Prompt) -> Iterator[Mark]:
    if prompt.box is not None:
        box = prompt.box
        yield Mark(kind="box", path=((box.top, box.left), (box.bottom, box.right)))
    for point in prompt.points:
        yield Mark(kind="point", path=((point.row, point.column),), positive=point.positive)
    for stroke in prompt.scribbles:
        yield Mark(kind="scribble", path=stroke.path, positive=stroke.positive)
    if prompt.lasso is not None:
        yield Mark(kind="lasso", path=prompt.lasso.path, positive=prompt.lasso.positive)
