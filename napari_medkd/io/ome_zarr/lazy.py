"""An array on the disk that is sliced like one in memory; only the pieces asked for are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class LazyArray:
    """A (z, y, x) or (z, y, x, 3) view of a zarr array of any axes.

    Parameters
    ----------
    array : zarr.Array
        The values.
    axes : sequence of str
        Names of its axes; those that are neither z, y, x nor, in colours, c are fixed.
    fixed : mapping of str to int
        Where along the others the view lies.
    is_rgb : bool
        Whether c holds red, green and blue.
    """

    def __init__(self, array: Any, axes: Sequence[str], fixed: dict[str, int], is_rgb: bool) -> None:
        self._array, self._axes, self._fixed = array, tuple(axes), fixed
        sizes = dict(zip(axes, array.shape, strict=True))
        self._order = ("z", "y", "x", "c") if is_rgb else ("z", "y", "x")
        self.shape: tuple[int, ...] = tuple(int(sizes.get(axis, 1)) for axis in self._order)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype).newbyteorder("=")
        self.ndim = len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that it would take in memory."""
        return int(np.prod([float(n) for n in self.shape])) * self.dtype.itemsize

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read what `key`, of numbers and slices that count upwards, asks for."""
        wanted = key if isinstance(key, tuple) else (key,)
        whole = [*wanted, *[slice(None)] * (self.ndim - len(wanted))]
        ranges = dict(zip(self._order, map(_as_slice, whole, self.shape), strict=True))
        index = tuple(
            slice(self._fixed[axis], self._fixed[axis] + 1) if axis in self._fixed else ranges[axis]
            for axis in self._axes
        )
        found = np.asarray(self._array[index]).astype(self.dtype, copy=False)
        taken = [axis for axis in self._axes if axis in self._order]
        found = found.reshape([n for n, axis in zip(found.shape, self._axes, strict=True) if axis in taken])
        found = found.transpose([taken.index(axis) for axis in self._order if axis in taken])
        for place, axis in enumerate(self._order):
            if axis not in taken:  # a picture has no z
                found = np.expand_dims(found, place)[_one(place, ranges[axis])]
        return found[tuple(0 if isinstance(part, (int, np.integer)) else slice(None) for part in whole)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return self[:].astype(dtype or self.dtype, copy=False)


def _as_slice(part: Any, length: int) -> slice:
    if isinstance(part, slice):
        return slice(*part.indices(length))
    place = int(part) + (length if part < 0 else 0)
    if not 0 <= place < length:
        raise IndexError(f"{part} is outside an axis of {length}")
    return slice(place, place + 1)


def _one(place: int, part: slice) -> tuple[slice, ...]:
    return (*[slice(None)] * place, part)
