"""Resizing as sparse matrices, one per axis: exact, composable, and the same on every machine.

A matrix of shape (to, from) has rows that sum to 1, so every result lies between the values it is made of.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BAND = 16  # output rows at a time, so that a 7000 px image is never held as floats in one piece


@lru_cache(maxsize=64)
def area(source: int, target: int) -> csr_matrix:
    """Return the matrix that averages over each target pixel's exact extent (OpenCV's INTER_AREA)."""
    edges = np.arange(target + 1) * (source / target)
    first = np.floor(edges[:-1]).astype(int)
    taps = int(np.ceil(source / target)) + 1
    index = first[:, None] + np.arange(taps)
    overlap = np.minimum(index + 1, edges[1:, None]) - np.maximum(index, edges[:-1, None])
    return _matrix(index, np.where(index < source, np.clip(overlap, 0, None), 0), source)


@lru_cache(maxsize=64)
def antialiased(source: int, target: int) -> csr_matrix:
    """Return the bilinear matrix that widens its triangle when shrinking (Pillow's and SAM's rule)."""
    scale = source / target
    width = max(scale, 1.0)
    centre = (np.arange(target) + 0.5) * scale
    first = np.maximum((centre - width + 0.5).astype(int), 0)
    index = first[:, None] + np.arange(int(np.ceil(2 * width)) + 1)
    weight = 1 - np.abs(index + 0.5 - centre[:, None]) / width
    return _matrix(index, np.where(index < source, np.clip(weight, 0, None), 0), source)


@lru_cache(maxsize=64)
def bilinear(source: int, target: int) -> csr_matrix:
    """Return the plain two-tap bilinear matrix (torch's ``interpolate`` without aligned corners)."""
    position = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    first = np.minimum(position.astype(int), max(source - 2, 0))
    fraction = position - first
    index = np.stack([first, np.minimum(first + 1, source - 1)], axis=1)
    return _matrix(index, np.stack([1 - fraction, fraction], axis=1), source)


def resize(image: NDArray[Any], rows: csr_matrix, columns: csr_matrix) -> NDArray[np.float32]:
    """Apply a matrix along the rows and one along the columns of (rows, columns[, channels])."""
    channels = image.shape[2:]
    narrowed = _along_rows(image.reshape(image.shape[0], -1), rows)
    turned = np.moveaxis(narrowed.reshape(rows.shape[0], image.shape[1], *channels), 1, 0)
    answered = _along_rows(np.ascontiguousarray(turned).reshape(image.shape[1], -1), columns)
    return np.moveaxis(answered.reshape(columns.shape[0], rows.shape[0], *channels), 0, 1)


def band(matrix: csr_matrix, start: int, stop: int) -> tuple[csr_matrix, int, int]:
    """Return rows `start` to `stop` over the columns they use only, and which columns those are."""
    low, high = matrix.indptr[start], matrix.indptr[stop]
    used = matrix.indices[low:high]
    first, last = (int(used.min()), int(used.max()) + 1) if used.size else (0, 0)
    pieces = (matrix.data[low:high], used - first, matrix.indptr[start : stop + 1] - low)
    return csr_matrix(pieces, shape=(stop - start, last - first)), first, last


def _along_rows(image: NDArray[Any], matrix: csr_matrix) -> NDArray[np.float32]:
    """Multiply band after band; each sees only the input rows it needs."""
    result = np.empty((matrix.shape[0], image.shape[1]), np.float32)
    for start in range(0, matrix.shape[0], _BAND):
        stop = min(start + _BAND, matrix.shape[0])
        piece, first, last = band(matrix, start, stop)
        result[start:stop] = piece @ np.asarray(image[first:last], np.float32)
    return result


def _matrix(index: NDArray[Any], weight: NDArray[Any], source: int) -> csr_matrix:
    """Build a (targets, source) matrix from the taps of each target, normalised to a sum of 1."""
    weight = weight / weight.sum(axis=1, keepdims=True)
    row = np.repeat(np.arange(len(index)), index.shape[1])
    keep = weight.ravel() > 1e-9
    where = (row[keep], index.ravel()[keep])
    return csr_matrix((weight.ravel()[keep].astype(np.float32), where), shape=(len(index), source))
