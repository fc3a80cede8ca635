"""Which part of a slice a model should look at, so that a small object is not a few pixels of its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt

_SMALLEST = 64  # pixels of the slice: closer than that there is nothing more to see
_FILL = 0.5  # share of a view's side that an object should take up, the middle of what was trained
_LARGE = 0.4  # of the whole slice's longest side: an object that fills so much is seen well enough there
_STILL_LARGE = 0.3  # the same for an object that is being corrected in the whole slice
_KEPT = (0.25, 0.85)  # shares between which a crop is kept while its object is corrected
_MARGIN = 0.03  # of a crop's side that must lie between the object and its edge
_SPECK = 0.125  # of the largest part of an answer: smaller parts say nothing about where the object ends
_LOST = 0.125  # of the longest side: how large an object is taken to be where none was found


@dataclass(frozen=True, slots=True)
class Crop:
    """Whole pixels of a slice: rows from `top` to before `bottom`, columns from `left` to before `right`.

    A crop is square except where the slice is too narrow for it.
    """

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Crop:
        """Return all of a slice of `shape` (rows, columns)."""
        return cls(0, 0, *shape)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.bottom - self.top, self.right - self.left

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Where it lies in an array of the slice."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell for each (row, column) of (N, 2) whether it lies on one of its pixels."""
        low, high = np.array([self.top, self.left]) - 0.5, np.array([self.bottom, self.right]) - 0.5
        inside: NDArray[np.bool_] = np.all((points >= low) & (points <= high), axis=1)
        return inside


@dataclass(frozen=True, slots=True)
class Extent:
    """Between which rows and columns something lies, in pixels, 0 at the centre of the first one."""

    top: float
    left: float
    bottom: float
    right: float

    @classmethod
    def of(cls, points: Iterable[tuple[float, float]]) -> Extent | None:
        """Return the extent of (row, column) points; None where there are none."""
        places = np.array(list(points), np.float64).reshape(-1, 2)
        return cls(*places.min(axis=0), *places.max(axis=0)) if len(places) else None

    @classmethod
    def of_mask(cls, mask: NDArray[np.bool_]) -> Extent | None:
        """Return the extent of the larger parts of a (rows, columns) mask; None where it is empty."""
        parts, count = ndimage.label(mask)
        if not count:
            return None
        sizes = np.bincount(parts.ravel())[1:]
        kept = np.isin(parts, 1 + np.flatnonzero(sizes >= _SPECK * sizes.max()))
        rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
        return cls(float(rows[0]), float(columns[0]), float(rows[-1]), float(columns[-1]))

    @property
    def longest(self) -> float:
        """The longer side, in pixels."""
        return 1 + max(self.bottom - self.top, self.right - self.left)

    def joined(self, other: Extent | None) -> Extent:
        """Return the extent of both."""
        if other is None:
            return self
        first = min(self.top, other.top), min(self.left, other.left)
        return Extent(*first, max(self.bottom, other.bottom), max(self.right, other.right))

    def clipped(self, shape: tuple[int, int]) -> Extent:
        """Return the part of it that lies in a slice of `shape`."""
        rows, columns = (
            np.clip(ends, 0, size - 1)
            for ends, size in zip(((self.top, self.bottom), (self.left, self.right)), shape, strict=True)
        )
        return Extent(float(rows[0]), float(columns[0]), float(rows[1]), float(columns[1]))


def marked(prompt: Prompt) -> Extent | None:
    """Return where the prompt says that the object is; None where it says only where it is not."""
    places = [(point.row, point.column) for point in prompt.points if point.positive]
    places += [place for stroke in prompt.scribbles if stroke.positive for place in stroke.path]
    if prompt.box is not None:
        places += [(prompt.box.top, prompt.box.left), (prompt.box.bottom, prompt.box.right)]
    elif prompt.lasso is not None:
        places += prompt.lasso.path
    return Extent.of(places)


def is_outlined(prompt: Prompt) -> bool:
    """Tell whether the prompt says how large the object is, so that nobody has to look for it first."""
    return prompt.box is not None or prompt.lasso is not None


def wanted(prompt: Prompt, found: Extent | None, shape: tuple[int, int]) -> Extent | None:
    """Return what should be seen well, from what was said and what was `found` in a slice of `shape`.

    None where neither names a place. Where nothing was found, the surroundings of what was said are wanted.
    """
    said = marked(prompt)
    if said is None:
        return found
    if is_outlined(prompt):
        return said.clipped(shape)
    if found is not None:
        return found.joined(said).clipped(shape)
    spare = max(0.0, (_LOST * max(shape) - said.longest) / 2)
    around = Extent(said.top - spare, said.left - spare, said.bottom + spare, said.right + spare)
    return around.clipped(shape)


def choose(extent: Extent | None, shape: tuple[int, int], now: Crop | None = None) -> Crop:
    """Return where to look at an object of `extent` in a slice of `shape`: all of it, or a crop.

    Parameters
    ----------
    extent : Extent or None
        The object and what was said about it.
    shape : tuple of int
        (rows, columns) of the slice.
    now : Crop, optional
        Where the user's answer comes from. It is kept as long as the object is seen well there, so that a
        correction does not change the view at every click.
    """
    whole = Crop.whole(shape)
    if extent is None or (now is not None and now != whole and fits(extent, now, shape)):
        return now or whole
    share = extent.longest / max(shape)
    if share >= (_STILL_LARGE if now == whole else _LARGE):
        return whole
    side = max(_SMALLEST, int(np.ceil(extent.longest / _FILL)))
    if side >= max(shape):
        return whole
    (top, bottom), (left, right) = (
        _span(near, far, side, size)
        for near, far, size in zip(
            (extent.top, extent.left), (extent.bottom, extent.right), shape, strict=True
        )
    )
    return Crop(top, left, bottom, right)


def at_hand(extent: Extent | None, shape: tuple[int, int], crops: Iterable[Crop]) -> Crop:
    """Return which of `crops` to look at in passing; all of the slice where none shows the object well."""
    whole = Crop.whole(shape)
    if extent is None or choose(extent, shape) == whole:
        return whole
    return next((crop for crop in crops if fits(extent, crop, shape)), whole)


def fits(extent: Extent, crop: Crop, shape: tuple[int, int]) -> bool:
    """Tell whether an object is seen well in a crop: neither small in it nor at its edge.

    The edge of the slice is no edge: an object that reaches it is all there.
    """
    side = max(crop.shape)
    margin = _MARGIN * side
    low, high = _KEPT
    share = extent.longest / side
    return (
        (share >= low or side <= _SMALLEST)
        and share <= high
        and (crop.top == 0 or extent.top - crop.top >= margin)
        and (crop.left == 0 or extent.left - crop.left >= margin)
        and (crop.bottom == shape[0] or crop.bottom - 1 - extent.bottom >= margin)
        and (crop.right == shape[1] or crop.right - 1 - extent.right >= margin)
    )


def _span(near: float, far: float, side: int, size: int) -> tuple[int, int]:
    """Return where `side` pixels around `near` to `far` begin and end without leaving `size` pixels."""
    length = min(side, size)
    first = int(np.clip(round((near + far + 1 - length) / 2), 0, size - length))
    return first, first + length
