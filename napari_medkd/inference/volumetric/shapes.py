"""Shapes between two slices: signed distances, blended."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_FAR = 1e6  # millimetres: further than anything in a patient


def blend(one: Mask, other: Mask, share: float, spacing: Sequence[float] = (1.0, 1.0)) -> Mask:
    """Return the mask `share` of the way from `one` (0) to `other` (1), both (rows, columns).

    Signed distances to both borders, in the units of `spacing`, are averaged with these weights and cut at 0.
    Where one mask is empty there is nothing to go by, and the other shrinks as its share does.
    """
    box = _around(one | other)
    if box is None:
        return np.zeros_like(one)
    blended = np.zeros_like(one)
    near, far = (_signed(mask[box], spacing) for mask in (one, other))
    blended[box] = (1 - share) * near + share * far > 0
    return blended


def between(drawn: Mapping[int, Mask], spacing: Sequence[float] = (1.0, 1.0)) -> Iterator[tuple[int, Mask]]:
    """Fill the slices between drawn ones by the shapes between their outlines.

    Parameters
    ----------
    drawn : mapping of int to ndarray (rows, columns) bool
        At least two slices by index; their order does not matter.
    spacing : sequence of float
        Distance between rows and between columns.

    Yields
    ------
    tuple of int and ndarray (rows, columns) bool
        Index and mask of each slice strictly between neighbouring drawn ones, rising; no empty ones.
    """
    order = sorted(drawn)
    for first, last in pairwise(order):
        for index in range(first + 1, last):
            mask = blend(drawn[first], drawn[last], (index - first) / (last - first), spacing)
            if mask.any():
                yield index, mask


def _around(mask: Mask) -> tuple[slice, slice] | None:
    """Return the bounding box of a mask with a border of one pixel where the slice has room for it."""
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found:
        return None
    rows, columns = (slice(max(part.start - 1, 0), part.stop + 1) for part in found[0])
    return rows, columns


def _signed(mask: Mask, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Return the distance to the border of a mask, positive inside; the slice's edge is no border."""
    if not mask.any():
        inner = ndimage.distance_transform_edt(np.pad(np.ones_like(mask), 1), sampling=spacing)
        return -np.asarray(inner[1:-1, 1:-1], np.float64)
    if mask.all():
        return np.full(mask.shape, _FAR)
    inside = ndimage.distance_transform_edt(mask, sampling=spacing)
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing)
    return np.asarray(inside - outside, np.float64)
