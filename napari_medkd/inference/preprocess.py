"""Between a slice and a network's input, both ways. The only module that knows (x, y)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.inference import resample
from napari_medkd.inference.zoom import Crop, Extent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from napari_medkd.models.card import Preprocessing

_BAND = 256  # image rows at a time when a mask is brought back: bounds memory at 7000 px


@dataclass(frozen=True, slots=True)
class Frame:
    """How a slice of `shape` (rows, columns), or a crop of it, sits in the square input of a network.

    The longest side is brought to the network's size (or both are, where the model was trained on stretched
    images) and the right and bottom are padded with zeros. With a `share` below 1 the picture takes up
    less of the input, and the padding more.
    """

    shape: tuple[int, int]
    preprocessing: Preprocessing
    crop: Crop | None = None
    share: float = 1.0

    @property
    def view(self) -> Crop:
        """The part of the slice that the network sees: the crop, or all of it."""
        return self.crop or Crop.whole(self.shape)

    @property
    def fitted(self) -> tuple[int, int]:
        """(rows, columns) that the view takes up in the input, without the padding."""
        return self._fit(self.preprocessing.size)

    def to_input(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn an 8-bit slice (rows, columns, 3 or 1) into a normalised, padded input (1, 3, S, S)."""
        rows, columns = self.fitted
        size = self.preprocessing.size
        scaled = self._scaled(image[self.view.pixels])
        padded = np.zeros((1, 3, size, size), np.float32)
        padded[0, :, :rows, :columns] = np.moveaxis(self._normalised(scaled), 2, 0)
        return padded

    def to_prompt(self, points: NDArray[Any]) -> NDArray[np.float32]:
        """Turn (N, 2) (row, column) of the slice into (N, 2) (x, y) of the prompt frame.

        The rule of SAM: multiply, with no half-pixel shift.
        """
        view = self.view
        scale = np.array(self._fit(self.preprocessing.prompt_frame)) / view.shape
        scaled = (np.asarray(points, np.float64).reshape(-1, 2) - (view.top, view.left)) * scale
        return np.ascontiguousarray(scaled[:, ::-1], dtype=np.float32)

    def to_mask(self, logits: NDArray[np.float32], threshold: float = 0.0) -> NDArray[np.bool_]:
        """Bring low-resolution logits (h, h) to the slice and cut them: (rows, columns) bool.

        Equal to interpolating to the input size, cropping the padding and interpolating to the view; nothing
        lies outside the view. Only where a neighbouring logit exceeds the threshold can the result do so; the
        rest is not computed.
        """
        mask = np.zeros(self.shape, np.bool_)
        above = logits > threshold
        rows, columns = self._inverse(logits.shape[0])
        down, across = _reach(rows, above, axis=1), _reach(columns, above, axis=0)
        if down is None or across is None:
            return mask
        seen = mask[self.view.pixels]
        right, first, last = resample.band(columns, *across)
        narrow = np.ascontiguousarray((right @ logits[:, first:last].T).T)
        for start in range(down[0], down[1], _BAND):
            stop = min(start + _BAND, down[1])
            left, first, last = resample.band(rows, start, stop)
            np.greater(left @ narrow[first:last], threshold, out=seen[start:stop, slice(*across)])
        return mask

    def to_logits(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring low-resolution logits (h, h) to the view without cutting them: its (rows, columns)."""
        return resample.resize(logits, *self._inverse(logits.shape[0]))

    def extent(self, logits: NDArray[np.float32]) -> Extent | None:
        """Return where in the slice the object of low-resolution logits (h, h) lies, to a logit's width."""
        found = Extent.of_mask(logits > 0)
        if found is None:
            return None
        view, size = self.view, self.preprocessing.size
        rows, columns = (
            size / len(logits) * full / fitted for full, fitted in zip(view.shape, self.fitted, strict=True)
        )
        return Extent(
            min(view.top + found.top * rows, view.bottom - 1),
            min(view.left + found.left * columns, view.right - 1),
            min(view.top + (found.bottom + 1) * rows, view.bottom) - 1,
            min(view.left + (found.right + 1) * columns, view.right) - 1,
        )

    def to_low_resolution(self, image: NDArray[Any], side: int) -> NDArray[np.float32]:
        """Average (rows, columns) values over the pixels of a (side, side) logit map; 0 in the padding."""
        return resample.resize(image[self.view.pixels], *self._averages(side))

    def from_other(self, logits: NDArray[np.float32], other: Frame, side: int) -> NDArray[np.float32]:
        """Bring the logits (h, h) of another view of the slice into this one: (side, side).

        What the other view does not show is taken to be as little of the object as its least likely pixel.
        """
        known = [_overlap(*ends) for ends in zip(self._ends(), other._ends(), strict=True)]
        averages, inverse = self._averages(side), other._inverse(logits.shape[0])
        rows, columns = (
            left[:, mine] @ right[theirs]
            for left, right, (mine, theirs) in zip(averages, inverse, known, strict=True)
        )
        least = min(float(logits.min()), -1.0)
        return np.asarray(rows @ (logits - least) @ columns.T + least, np.float32)

    def _ends(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return (self.view.top, self.view.bottom), (self.view.left, self.view.right)

    def _averages(self, side: int) -> tuple[csr_matrix, csr_matrix]:
        """Return the matrices from the rows and the columns of the view to (side, side)."""
        size = self.preprocessing.size
        rows, columns = (
            _onto(full, fitted, size, side) for full, fitted in zip(self.view.shape, self.fitted, strict=True)
        )
        return rows, columns

    def _fit(self, size: int) -> tuple[int, int]:
        if self.preprocessing.fit == "stretch":
            return max(1, round(size * self.share)), max(1, round(size * self.share))
        shape = self.view.shape
        scale = size * self.share / max(shape)
        rows, columns = (max(1, int(side * scale + 0.5)) for side in shape)
        return rows, columns

    def _scaled(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Resize and round to whole grey values, as the libraries do that the models were trained with."""
        rows, columns = self.fitted
        if (rows, columns) == image.shape[:2]:
            return image.astype(np.float32)
        matrix = resample.area if self.preprocessing.interpolation == "area" else resample.antialiased
        resized = resample.resize(image, matrix(image.shape[0], rows), matrix(image.shape[1], columns))
        return np.rint(resized, out=resized)

    def _normalised(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.preprocessing.normalise == "min-max":
            low = float(image.min())
            return (image - low) / max(float(image.max()) - low, 1e-8)
        mean = np.array(self.preprocessing.mean, np.float32)
        std = np.array(self.preprocessing.std, np.float32)
        return (image - mean) / std

    def _inverse(self, side: int) -> tuple[csr_matrix, csr_matrix]:
        """Return the matrices from (side, side) logits to the rows and to the columns of the view."""
        size = self.preprocessing.size
        rows, columns = (
            _back(side, size, fitted, full) for full, fitted in zip(self.view.shape, self.fitted, strict=True)
        )
        return rows, columns


@lru_cache(maxsize=32)
def _back(side: int, size: int, fitted: int, full: int) -> csr_matrix:
    """Compose logits → input → view along one axis."""
    composed = resample.bilinear(fitted, full) @ resample.bilinear(side, size)[:fitted]
    return composed.tocsr()


@lru_cache(maxsize=32)
def _onto(full: int, fitted: int, size: int, side: int) -> csr_matrix:
    """Compose view → input → logits along one axis; the padding of the input counts as 0."""
    composed = resample.area(size, side)[:, :fitted] @ resample.area(full, fitted)
    return composed.tocsr()


def _overlap(mine: tuple[int, int], theirs: tuple[int, int]) -> tuple[slice, slice]:
    """Return the pixels that two views share along an axis, counted in the one and in the other."""
    first, last = max(mine[0], theirs[0]), max(mine[0], theirs[0], min(mine[1], theirs[1]))
    return slice(first - mine[0], last - mine[0]), slice(first - theirs[0], last - theirs[0])


def _reach(matrix: csr_matrix, above: NDArray[np.bool_], axis: int) -> tuple[int, int] | None:
    """Return the first and one past the last row of `matrix` that anything in `above` reaches."""
    (where,) = np.nonzero(matrix @ np.any(above, axis=axis).astype(np.float32))
    return (int(where[0]), int(where[-1]) + 1) if where.size else None
