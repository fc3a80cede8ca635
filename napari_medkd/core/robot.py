"""The simulated user: says on a slice what a person with the true mask in mind would say.

One robot for training, evaluation and tests. Chance enters through the generator passed in and nowhere else.

References
----------
Sofiiuk, Petrov, Konushin: Reviving Iterative Training with Mask Guidance for Interactive Segmentation, 2021
(the rule of the next click, section 4). Kirillov et al.: Segment Anything, 2023, appendix A (noise of boxes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_medkd.core.prompts import Box, Point
from napari_medkd.errors import InvalidPrompt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_BOX_NOISE = 0.1  # standard deviation of a box's edges, as a share of its sides,
_MOST_BOX_NOISE = 20.0  # and the furthest that an edge is off, in pixels
_SLIP = 5 / 256  # standard deviation of a hand's slip, as a share of the slice's longer side
_HEART = 0.5  # a person aims at where the error is at least this deep, as a share of its greatest depth


def first_box(truth: NDArray[Any], rng: Generator | None = None, most: float = _MOST_BOX_NOISE) -> Box:
    """Return the tight box of a (rows, columns) mask, its edges off by a little where `rng` is given.

    Each edge is off by a tenth of the box's side (one standard deviation), and by `most` pixels at the most.
    The box stays inside the slice, on whole pixels, and at least two of them wide, as a prompt must be.
    """
    box = Box.around(truth)
    edges = np.array([[box.top, box.bottom], [box.left, box.right]])
    if rng is not None:
        sides = edges[:, 1] - edges[:, 0] + 1
        noise = rng.normal(0, _BOX_NOISE, (2, 2)) * sides[:, np.newaxis]
        edges = np.rint(edges + np.clip(noise, -most, most))
    last = np.array(truth.shape) - 1.0
    low = np.clip(edges.min(axis=1), 0, np.maximum(last - 1, 0))
    high = np.clip(edges.max(axis=1), low + 1, np.maximum(last, low + 1))
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def first_point(truth: NDArray[Any], rng: Generator | None = None) -> Point:
    """Return a positive click in a (rows, columns) mask: anywhere in it, or at its heart without `rng`."""
    if rng is None:
        click = next_click(truth, np.zeros(truth.shape, np.bool_))
        if click is None:
            raise _nothing_to_click()
        return click
    rows, columns = np.nonzero(truth)
    if rows.size == 0:
        raise _nothing_to_click()
    chosen = rng.integers(rows.size)
    return Point(float(rows[chosen]), float(columns[chosen]))


def next_click(truth: NDArray[Any], mask: NDArray[Any], clicked: Iterable[Point] = ()) -> Point | None:
    """Return where a careful user clicks to correct `mask` towards `truth`; None where nothing is wrong.

    The deepest pixel of what is missing or of what is too much, whichever is deeper; too much where both are
    as deep; the first in reading order where several are.

    Parameters
    ----------
    truth, mask : ndarray (rows, columns)
        What should be and what is.
    clicked : iterable of Point
        Earlier clicks; none of their pixels is clicked again.
    """
    depth, positive = _deeper_error(truth, mask, clicked)
    if depth.max(initial=0) <= 0:
        return None
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return Point(float(row), float(column), positive)


def noisy_click(
    truth: NDArray[Any], mask: NDArray[Any], rng: Generator, clicked: Iterable[Point] = ()
) -> Point | None:
    """Return where a person clicks, who finds the same error as `next_click` but not its very centre.

    Anywhere in the heart of the error's connected part, then off by the slip of a hand, unless that would
    leave the error.
    """
    depth, positive = _deeper_error(truth, mask, clicked)
    if depth.max(initial=0) <= 0:
        return None
    parts, _ = ndimage.label(depth > 0)
    part = parts == parts.flat[int(depth.argmax())]
    rows, columns = np.nonzero(part & (depth >= _HEART * depth.max()))
    chosen = rng.integers(rows.size)
    row, column = int(rows[chosen]), int(columns[chosen])
    slipped = np.rint(np.array([row, column]) + rng.normal(0, _SLIP * max(depth.shape), 2)).astype(int)
    if (slipped >= 0).all() and (slipped < depth.shape).all() and part[slipped[0], slipped[1]]:
        row, column = int(slipped[0]), int(slipped[1])
    return Point(float(row), float(column), positive)


def _deeper_error(
    truth: NDArray[Any], mask: NDArray[Any], clicked: Iterable[Point]
) -> tuple[NDArray[np.float64], bool]:
    """Return the depth of each pixel in the deeper kind of error, and whether that is what is missing."""
    truth, mask = truth.astype(np.bool_, copy=False), mask.astype(np.bool_, copy=False)
    missing, too_much = _depth(truth & ~mask), _depth(mask & ~truth)
    for point in clicked:
        missing[round(point.row), round(point.column)] = 0
        too_much[round(point.row), round(point.column)] = 0
    if missing.max(initial=0) > too_much.max(initial=0):
        return missing, True
    return too_much, False


def _depth(error: Mask) -> NDArray[np.float64]:
    """Return for each pixel the distance to the nearest that is right; the slice ends in right ones."""
    depth = np.zeros(error.shape)
    for box in ndimage.find_objects(error.astype(np.uint8)):  # one, or none; what is right is 0 deep
        depth[box] = ndimage.distance_transform_edt(np.pad(error[box], 1))[1:-1, 1:-1]
    return depth


def _nothing_to_click() -> InvalidPrompt:
    return InvalidPrompt("A click was asked for in an empty mask.", "Mark at least one pixel.")
