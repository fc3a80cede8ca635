"""From what was typed, (x, y) pixels, to a prompt on a slice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.window import Window
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.volumetric import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.core.volume import Volume

AXES: tuple[Literal["z"], Literal["y"], Literal["x"]] = ("z", "y", "x")


def parse_point(text: str) -> Point:
    """Read ``"X,Y"``, a click inside the object, or ``"-X,Y"``, one outside it.

    The sign belongs to the click, not to x: ``"-0,5"`` is a click outside the object at x = 0, y = 5.
    """
    positive = not text.strip().startswith("-")
    x, y = _numbers(text.strip().removeprefix("-"), 2, "--point", "X,Y", "for example --point 120,85")
    return Point(row=y, column=x, positive=positive)


def parse_box(text: str) -> Box:
    """Read ``"X0,Y0,X1,Y1"``: two opposite corner pixels, both inside the box."""
    x0, y0, x1, y1 = _numbers(text, 4, "--box", "X0,Y0,X1,Y1", "for example --box 40,60,180,200")
    return Box.between((y0, x0), (y1, x1))


def parse_window(text: str) -> Window:
    """Read ``"LOW,HIGH"``: the stored values that become black and white."""
    low, high = _numbers(text, 2, "--window", "LOW,HIGH", "for example --window=-160,240")
    if low >= high:
        raise InvalidPrompt(
            f"The window {text} is empty: its low value is not below its high value.",
            "Give the value of black first: --window=LOW,HIGH.",
        )
    return Window(low, high, "Chosen")


def parse_range(text: str | None) -> Reach:
    """Read ``"FIRST,LAST"``: the slices that an object may be followed to; None is all of them."""
    if text is None:
        return Reach()
    first, last = _numbers(text, 2, "--range", "FIRST,LAST", "for example --range 20,45")
    return Reach(int(first), int(last))


def choose_plane(volume: Volume, axis: Literal["z", "y", "x"], index: int | None) -> Plane:
    """Return the slice that was asked for; one must be named where the image has several."""
    number = AXES.index(axis)
    count = volume.shape[number]
    if index is None and count > 1:
        raise InvalidPrompt(
            f"The image has {count} slices along {axis}.",
            f"Say which one: --slice K, with K from 0 to {count - 1}.",
        )
    plane = Plane(number, index or 0)
    plane.check(volume.shape)
    return plane


def build_prompt(plane: Plane, box: str | None, points: Sequence[str]) -> Prompt:
    """Return the prompt of ``--box`` and ``--point``; one of them is needed."""
    if box is None and not points:
        raise InvalidPrompt(
            "Nothing says where the object is.",
            "Give --box X0,Y0,X1,Y1 or one or more --point X,Y; or --auto, for a model that needs no prompt.",
        )
    return Prompt(plane, tuple(map(parse_point, points)), parse_box(box) if box is not None else None)


def _numbers(text: str, count: int, option: str, form: str, example: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise InvalidPrompt(
            f"{option} {text!r} is not of the form {form}.", f"Write it as numbers, {example}."
        )
    return numbers
