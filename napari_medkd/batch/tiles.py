"""Slices too large for one look: overlapping tiles, blended where their logits are small.

A tile's logits are a few hundred pixels wide whatever its size, and tiles lie on that coarse grid. So the
blended logits of a slice of 20,000 × 20,000 pixels take a few megabytes, and only the mask is as large as the
slice.
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

    from napari_medkd.core.window import Window

_OVERLAP = 0.25  # of a tile's side that it shares with the next
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


def tile_volume(values: NDArray[np.generic], window: Window, tiling: Tiling, row: int, column: int) -> Volume:
    """Return the tile of a slice (rows, columns[, 3]) that begins at a logit, as an image of one slice.

    What reaches over the edge of the slice repeats its last row or column.
    """
    (top, bottom), (left, right) = tiling.pixels(row), tiling.pixels(column)
    piece = values[top:bottom, left:right]
    lacking = [(0, tiling.side - length) for length in piece.shape[:2]]
    if any(more for _, more in lacking):
        piece = np.pad(piece, [*lacking, *[(0, 0)] * (piece.ndim - 2)], mode="edge")
    return Volume(piece[np.newaxis], Geometry.image((1, *piece.shape[:2])), "", window, "tile")


def blend(
    values: NDArray[np.generic],
    window: Window,
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
            logits = look(tile_volume(values, window, tiling, row, column), Plane(0, 0))
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
