"""What changed in the labels between two moments, as runs of voxels: small however large the volume is."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Region = tuple[slice, slice, slice]
Voxels = tuple["NDArray[np.intp]", "NDArray[np.intp]", "NDArray[np.intp]"]
_HEADER = struct.Struct("<7Q")


@dataclass(frozen=True, slots=True)
class Diff:
    """Voxels of a (z, y, x) uint16 array with their values before and after.

    Parameters
    ----------
    bounds : tuple of int
        (z, y, x) first and one past the last voxel that changed.
    runs : int
        How many runs of neighbouring voxels with one old and one new value there are.
    data : bytes
        The runs' starts (as differences), lengths, old and new values, compressed.
    """

    bounds: tuple[int, int, int, int, int, int]
    runs: int
    data: bytes

    @classmethod
    def of(cls, voxels: Voxels, old: NDArray[Any], new: NDArray[Any], shape: tuple[int, ...]) -> Diff | None:
        """Describe the change of `voxels`, ordered as in memory, from `old` to `new`; None for no change."""
        changed = old != new
        if not changed.any():
            return None
        z, y, x = (axis[changed] for axis in voxels)
        flat = np.ravel_multi_index((z, y, x), shape)
        low, high = [int(axis.min()) for axis in (z, y, x)], [int(axis.max()) + 1 for axis in (z, y, x)]
        runs, data = _encode(flat, old[changed], new[changed])
        return cls((low[0], low[1], low[2], high[0], high[1], high[2]), runs, data)

    @classmethod
    def from_nothing(cls, labels: NDArray[np.uint16]) -> Diff | None:
        """Describe how `labels` differs from an array of zeros; None where it does not."""
        flat = labels.reshape(-1)
        starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
        lengths, values = np.diff(starts, append=flat.size), flat[starts]
        is_set = values != 0
        if not is_set.any():
            return None
        starts, lengths, values = starts[is_set], lengths[is_set], values[is_set]
        data = _compress(starts, lengths, np.zeros_like(values), values)
        return cls((0, 0, 0, labels.shape[0], labels.shape[1], labels.shape[2]), starts.size, data)

    @property
    def new_values(self) -> list[int]:
        """The values that it writes, each once, rising."""
        return [int(value) for value in np.unique(_decode(self.runs, self.data)[3])]

    @property
    def region(self) -> Region:
        """The part of the array that changed, as slices."""
        return tuple(slice(self.bounds[axis], self.bounds[axis + 3]) for axis in range(3))  # type: ignore[return-value]

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return len(self.data) + _HEADER.size

    def apply(self, labels: NDArray[np.uint16], backwards: bool = False) -> Region:
        """Write the new (backwards: the old) values into a contiguous array; returns the changed region."""
        starts, lengths, old, new = _decode(self.runs, self.data)
        offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
        labels.reshape(-1)[offsets + np.arange(offsets.size)] = np.repeat(old if backwards else new, lengths)
        return self.region

    def to_bytes(self) -> bytes:
        """Return it as bytes for a file; `from_bytes` reads them."""
        return _HEADER.pack(*self.bounds, self.runs) + self.data

    @classmethod
    def from_bytes(cls, data: bytes) -> Diff:
        """Read what `to_bytes` gave; other bytes are a `ValueError`."""
        try:
            z, y, x, z_end, y_end, x_end, runs = _HEADER.unpack_from(data)
        except struct.error as error:
            raise ValueError("not a diff") from error
        return cls((z, y, x, z_end, y_end, x_end), runs, data[_HEADER.size :])


def _encode(flat: NDArray[Any], old: NDArray[Any], new: NDArray[Any]) -> tuple[int, bytes]:
    """Join neighbours that changed alike into runs."""
    is_start = np.ones(flat.size, np.bool_)
    is_start[1:] = (np.diff(flat) != 1) | (np.diff(old) != 0) | (np.diff(new) != 0)
    first = np.flatnonzero(is_start)
    lengths = np.diff(first, append=flat.size)
    return first.size, _compress(flat[first], lengths, old[first], new[first])


def _compress(starts: NDArray[Any], lengths: NDArray[Any], old: NDArray[Any], new: NDArray[Any]) -> bytes:
    steps = np.diff(starts, prepend=0)
    parts = (steps.astype("<i8"), lengths.astype("<i8"), old.astype("<u2"), new.astype("<u2"))
    return zlib.compress(b"".join(part.tobytes() for part in parts), 1)


def _decode(runs: int, data: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    raw = zlib.decompress(data)
    if len(raw) != 20 * runs:
        raise ValueError("a diff of the wrong length")
    wide = np.frombuffer(raw, "<i8", 2 * runs)
    narrow = np.frombuffer(raw, "<u2", 2 * runs, offset=16 * runs)
    return np.cumsum(wide[:runs]), wide[runs:], narrow[:runs], narrow[runs:]
