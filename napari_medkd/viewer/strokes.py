"""What a stroke in a Labels layer changed: from napari's history atoms to voxels and their old values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari.layers import Labels
    from napari.utils.events import Event
    from numpy.typing import NDArray

    OnStroke = Callable[[tuple[NDArray[np.intp], ...], NDArray[Any]], None]


class StrokeListener:
    """Tells of each stroke of the user in a layer, once its values stand in the data.

    napari tells of a brush stroke after writing it, but of a polygon, a fill by code and ``data_setitem``
    just before; what a listener put back would then be written over.

    Parameters
    ----------
    layer : Labels
        Listened to.
    on_stroke : callable
        Called with what `stroke_changes` returns.
    """

    def __init__(self, layer: Labels, on_stroke: OnStroke) -> None:
        self._layer = layer
        self._on_stroke = on_stroke
        self._waiting: Sequence[Sequence[Any]] | None = None
        layer.events.paint.connect(self._on_paint)
        layer.events.labels_update.connect(self._on_update)

    def disconnect(self) -> None:
        """Listen no more."""
        self._layer.events.paint.disconnect(self._on_paint)
        self._layer.events.labels_update.disconnect(self._on_update)

    def _on_paint(self, event: Event) -> None:
        self._waiting = event.value
        self._on_update()

    def _on_update(self) -> None:
        item = self._waiting
        if not item or not self._is_written(item[-1]):
            return
        self._waiting = None
        indices, old = stroke_changes(item, self._layer.data.shape)
        if old.size:
            self._on_stroke(indices, old)

    def _is_written(self, atom: Sequence[Any]) -> bool:
        shape = self._layer.data.shape
        written = self._layer.data[np.unravel_index(_places(atom, shape), shape)]
        return bool(np.all(written == atom[-1]))


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
        flat = _places(atom, shape)
        flats.append(flat.ravel())
        old = np.asarray(atom[-2])  # under a brush's mask a flat array, else of the shape of the indices
        olds.append(old.ravel() if old.size == flat.size else np.broadcast_to(old, flat.shape).ravel())
    if not flats:
        return tuple(np.zeros(0, np.intp) for _ in shape), np.zeros(0)
    # A voxel that was crossed twice keeps the value it had first.
    flat, first = np.unique(np.concatenate(flats), return_index=True)
    return np.unravel_index(flat, shape), np.concatenate(olds)[first]


def _places(atom: Sequence[Any], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the flat indices that an atom changed."""
    return _masked(atom[0], atom[1], shape) if len(atom) == 4 else _indexed(atom[0], shape)


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
