"""What changed in the labels between two moments, as runs of voxels: small however large the volume is."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane

Region = tuple[slice, slice, slice]
Voxels = tuple["NDArray[np.intp]", "NDArray[np.intp]", "NDArray[np.intp]"]
_HEADER = struct.Struct("<7Q")
_LONG_RUN = 16  # voxels


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
        flat, old, new = np.ravel_multi_index((z, y, x), shape), old[changed], new[changed]
        is_start = np.ones(flat.size, np.bool_)
        is_start[1:] = (np.diff(flat) != 1) | (old[1:] != old[:-1]) | (new[1:] != new[:-1])
        first = np.flatnonzero(is_start)
        lengths = np.diff(first, append=flat.size)
        bounds = tuple(
            int(edge) for edge in (*map(np.min, (z, y, x)), *(axis.max() + 1 for axis in (z, y, x)))
        )
        return cls._of_runs(bounds, flat[first], lengths, old[first], new[first])

    @classmethod
    def on_slice(
        cls,
        plane: Plane,
        corner: tuple[int, int],
        old: NDArray[np.uint16],
        new: NDArray[np.uint16],
        shape: tuple[int, ...],
    ) -> Diff | None:
        """Describe the change of a rectangle of a slice, whose first pixel is `corner`; None for no change.

        The same as `of` in a fraction of its time: no pixel gets an index of its own.
        """
        changed = old != new
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        if rows.size == 0:
            return None
        rows_axis, columns_axis = plane.in_plane
        first, lengths = _runs(changed, old, new, are_neighbours=columns_axis == 2)
        strides = (shape[1] * shape[2], shape[2], 1)
        row, column = np.divmod(first, changed.shape[1])
        starts = plane.index * strides[plane.axis] + (row + corner[0]) * strides[rows_axis]
        starts += (column + corner[1]) * strides[columns_axis]
        low, high = [plane.index] * 3, [plane.index + 1] * 3
        for axis, start, found in ((rows_axis, corner[0], rows), (columns_axis, corner[1], columns)):
            low[axis], high[axis] = start + int(found[0]), start + int(found[-1]) + 1
        return cls._of_runs((*low, *high), starts, lengths, old.reshape(-1)[first], new.reshape(-1)[first])

    @classmethod
    def joined(cls, diffs: Sequence[Diff]) -> Diff | None:
        """Describe several changes of the same labels at once; where they share voxels, they must agree."""
        if len(diffs) < 2:
            return diffs[0] if diffs else None
        runs = [_decode(diff.runs, diff.data) for diff in diffs]
        starts, lengths, old, new = (np.concatenate(parts) for parts in zip(*runs, strict=True))
        bounds = np.array([diff.bounds for diff in diffs])
        edges = (*bounds[:, :3].min(axis=0).tolist(), *bounds[:, 3:].max(axis=0).tolist())
        return cls._of_runs(edges, starts, lengths, old, new)

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
        return cls._of_runs((0, 0, 0, *labels.shape), starts, lengths, np.zeros_like(values), values)

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
        values, flat = old if backwards else new, labels.reshape(-1)
        if lengths.sum() > _LONG_RUN * self.runs:  # few long runs: as slices, several times faster
            for start, length, value in zip(starts.tolist(), lengths.tolist(), values.tolist(), strict=True):
                flat[start : start + length] = value
        else:
            offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
            flat[offsets + np.arange(offsets.size)] = np.repeat(values, lengths)
        return self.region

    @classmethod
    def _of_runs(
        cls,
        bounds: Sequence[int],
        starts: NDArray[Any],
        lengths: NDArray[Any],
        old: NDArray[Any],
        new: NDArray[Any],
    ) -> Diff:
        z, y, x, z_end, y_end, x_end = bounds
        steps = np.diff(starts, prepend=0)
        parts = (steps.astype("<i8"), lengths.astype("<i8"), old.astype("<u2"), new.astype("<u2"))
        data = zlib.compress(b"".join(part.tobytes() for part in parts), 1)
        return cls((z, y, x, z_end, y_end, x_end), starts.size, data)

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


def _runs(
    changed: NDArray[np.bool_], old: NDArray[np.uint16], new: NDArray[np.uint16], are_neighbours: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first pixel (flat) and the length of each run of pixels in a row that changed alike."""
    if not are_neighbours:  # pixels of a row are far apart in memory: each is a run
        first = np.flatnonzero(changed)
        return first, np.ones_like(first)
    goes_on = changed[:, 1:] & changed[:, :-1]
    goes_on &= (old[:, 1:] == old[:, :-1]) & (new[:, 1:] == new[:, :-1])
    is_first, is_last = changed.copy(), changed.copy()
    is_first[:, 1:] &= ~goes_on
    is_last[:, :-1] &= ~goes_on
    first = np.flatnonzero(is_first)
    return first, np.flatnonzero(is_last) - first + 1


def _decode(runs: int, data: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    raw = zlib.decompress(data)
    if len(raw) != 20 * runs:
        raise ValueError("a diff of the wrong length")
    wide = np.frombuffer(raw, "<i8", 2 * runs)
    narrow = np.frombuffer(raw, "<u2", 2 * runs, offset=16 * runs)
    return np.cumsum(wide[:runs]), wide[runs:], narrow[:runs], narrow[runs:]
