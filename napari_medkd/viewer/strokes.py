"""What a stroke in a Labels layer changed: from napari's history atoms to voxels and their old values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


def stroke_changes(
    item: Iterable[Sequence[Any]], shape: tuple[int, ...]
) -> tuple[tuple[NDArray[np.intp], ...], NDArray[Any]]:
    """Return the voxels that a stroke changed and what stood there before it.

    Parameters
    ----------
    item : iterable of atoms
        Payload of ``Labels.events.paint``: (slices, mask or None, old values, new value) of a brush, or
        (indices, old values, new values) of ``data_setitem``, in the order they were painted.
    shape : tuple of int
        Shape of the layer's data.

    Returns
    -------
    indices : tuple of ndarray
        One index array per axis, each voxel once.
    old : ndarray
        Values before the stroke.
    """
    flats, olds = [], []
    for atom in item:
        flat = _masked(atom[0], atom[1], shape) if len(atom) == 4 else _indexed(atom[0], shape)
        flats.append(flat.ravel())
        old = np.asarray(atom[-2])  # under a brush's mask a flat array, else of the shape of the indices
        olds.append(old.ravel() if old.size == flat.size else np.broadcast_to(old, flat.shape).ravel())
    if not flats:
        return tuple(np.zeros(0, np.intp) for _ in shape), np.zeros(0)
    # A voxel that was crossed twice keeps the value it had first.
    flat, first = np.unique(np.concatenate(flats), return_index=True)
    return np.unravel_index(flat, shape), np.concatenate(olds)[first]


def _masked(
    slices: tuple[slice, ...], mask: NDArray[np.bool_] | None, shape: tuple[int, ...]
) -> NDArray[np.intp]:
    starts = [part.indices(n)[0] for part, n in zip(slices, shape, strict=True)]
    if mask is None:
        box = [np.arange(*part.indices(n)) for part, n in zip(slices, shape, strict=True)]
        return np.asarray(np.ravel_multi_index(np.ix_(*box), shape))
    moved = tuple(axis + start for axis, start in zip(np.nonzero(mask), starts, strict=True))
    return np.asarray(np.ravel_multi_index(moved, shape))


def _indexed(indices: Any, shape: tuple[int, ...]) -> NDArray[np.intp]:
    if isinstance(indices, tuple) and len(indices) == len(shape):
        if all(not isinstance(part, slice) for part in indices):
            arrays = np.broadcast_arrays(*[np.asarray(part, dtype=np.intp) for part in indices])
            return np.asarray(np.ravel_multi_index(tuple(arrays), shape))
    return np.asarray(np.arange(int(np.prod(shape))).reshape(shape)[indices])
