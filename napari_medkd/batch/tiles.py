"""Slices too large for one look: overlapping tiles, blended where their logits are small.

A tile's logits are a few hundred pixels wide whatever its size, and tiles lie on that coarse grid. So the
blended logits of a slice of 20,000 × 20,000 pixels take some tens of megabytes, and only the mask is as large
as the slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.inference import resample
from napari_medkd.inference.automatic import expected_overlap, log_odds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from napari_medkd.core.prompts import Box
    from napari_medkd.core.window import Window

_OVERLAP = 0.25  # of a tile's side that it shares with the next
_SURROUNDING, _LEAST = 3.0, 1024  # sides of a box, and pixels, that a model sees around it
_ROWS = 512  # rows of the mask at a time
_EDGE = (
    0.05  # weight of a tile's outermost logits beside 1 in its middle: they saw half of their surroundings
)


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a slice of `shape` is cut.

    Parameters
    ----------
    shape : tuple of int
        (rows, columns) of the slice.
    side : int
        Pixels of a square tile.
    grid : int
        Rows and columns of a tile's logits; divides into `side` as `cell` pixels each.
    """

    shape: tuple[int, int]
    side: int
    grid: int

    @property
    def cell(self) -> float:
        """Pixels of the slice for one logit."""
        return self.side / self.grid

    def starts(self, axis: int) -> list[int]:
        """Return where tiles begin along an axis, in logits."""
        whole = int(np.ceil(self.shape[axis] / self.cell))
        if whole <= self.grid:
            return [0]
        step = max(1, round(self.grid * (1 - _OVERLAP)))
        return [*range(0, whole - self.grid, step), whole - self.grid]

    def pixels(self, start: int) -> tuple[int, int]:
        """Return the first and one past the last pixel of a tile that begins at a logit."""
        return round(start * self.cell), round(start * self.cell) + self.side


def tile_volume(volume: Volume, plane: Plane, tiling: Tiling, row: int, column: int) -> Volume:
    """Return the tile of a slice that begins at a logit, as an image of one slice.

    What reaches over the edge of the slice repeats its last row or column.
    """
    (top, bottom), (left, right) = tiling.pixels(row), tiling.pixels(column)
    piece = volume.part(plane, slice(top, bottom), slice(left, right))
    lacking = [(0, tiling.side - length) for length in piece.shape[:2]]
    if any(more for _, more in lacking):
        piece = np.pad(piece, [*lacking, *[(0, 0)] * (piece.ndim - 2)], mode="edge")
    return alone(piece, volume.window)


def alone(piece: NDArray[np.generic], window: Window) -> Volume:
    """Return (rows, columns[, 3]) of a slice as an image of its own."""
    return Volume(piece[np.newaxis], Geometry.image((1, *piece.shape[:2])), "", window, "tile")


def overview(volume: Volume, plane: Plane, side: int) -> Volume:
    """Return every so many-th row and column of a slice, so that none is longer than `side`."""
    every = slice(None, None, max(1, -(-max(plane.shape(volume.shape)) // side)))
    return alone(volume.part(plane, every, every), volume.window)


def around(volume: Volume, plane: Plane, box: Box) -> tuple[Volume, tuple[int, int]]:
    """Return the surroundings of a box as an image of one slice, and the (row, column) that it begins at."""
    rows, columns = plane.shape(volume.shape)
    longest = max(box.bottom - box.top, box.right - box.left)
    side = round(max(_SURROUNDING * longest, _LEAST))
    centre = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    top, left = (
        round(float(np.clip(middle - side / 2, 0, max(0, length - side))))
        for middle, length in zip(centre, (rows, columns), strict=True)
    )
    piece = volume.part(plane, slice(top, min(top + side, rows)), slice(left, min(left + side, columns)))
    return alone(piece, volume.window), (top, left)


def blend(
    volume: Volume,
    plane: Plane,
    tiling: Tiling,
    look: Callable[[Volume, Plane], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Look at every tile of a slice and return the blended logits (targets, rows, columns of the grid)."""
    rows, columns = tiling.starts(0), tiling.starts(1)
    weight = _weight(tiling.grid)
    size = rows[-1] + tiling.grid, columns[-1] + tiling.grid
    total, weights = None, np.zeros(size, np.float32)
    for row in rows:
        for column in columns:
            logits = look(tile_volume(volume, plane, tiling, row, column), Plane(0, 0))
            total = np.zeros((len(logits), *size), np.float32) if total is None else total
            place = slice(row, row + tiling.grid), slice(column, column + tiling.grid)
            total[(slice(None), *place)] += logits * weight
            weights[place] += weight
    assert total is not None
    return np.asarray(total / weights, np.float32)


def to_mask(
    logits: NDArray[np.float32], tiling: Tiling, threshold: float
) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
    """Yield bands of rows of the mask where blended logits, on the coarse grid, exceed a probability."""
    level = log_odds(threshold)
    down, across = (
        resample.bilinear(length, round(length * tiling.cell))[:full]
        for length, full in zip(logits.shape, tiling.shape, strict=True)
    )
    for start in range(0, tiling.shape[0], _ROWS):
        stop = min(start + _ROWS, tiling.shape[0])
        left, first, last = resample.band(down, start, stop)
        piece = np.asarray(left @ logits[first:last], np.float32)
        if not (piece > level).any():
            continue  # an interpolated value is never above its neighbours
        yield slice(start, stop), _along_columns(piece, across) > level


def score(logits: NDArray[np.float32], threshold: float) -> float:
    """Return the overlap to expect of the mask of blended logits, 0 to 1."""
    return expected_overlap(logits, log_odds(threshold))


def _along_columns(piece: NDArray[np.float32], across: csr_matrix) -> NDArray[np.float32]:
    return np.ascontiguousarray((across @ piece.T).T)


def _weight(side: int) -> NDArray[np.float32]:
    """Return (side, side) weights: 1 in the middle, falling like a bell to the edge."""
    place = (np.arange(side) + 0.5) / side * 2 - 1
    bell = np.exp(-0.5 * (place / 0.5) ** 2) + _EDGE
    return np.asarray(np.outer(bell, bell), np.float32)
