"""Which voxels of the labels belong to which committed object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.session.history import Change
from napari_medkd.session.packing import PackedMask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.diff import Voxels
    from napari_medkd.session.state import CommittedObject


def on_plane(plane: Plane, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Voxels:
    """Return (z, y, x) of pixels of a slice."""
    axes = [rows, columns]
    axes.insert(plane.axis, np.full(rows.size, plane.index))
    return axes[0], axes[1], axes[2]


def covers(found: CommittedObject, voxels: Voxels) -> NDArray[np.bool_]:
    """Tell for each voxel whether the object holds it."""
    rows_axis, columns_axis = found.plane.in_plane
    mask = found.packed_mask
    rows, columns = voxels[rows_axis] - mask.corner[0], voxels[columns_axis] - mask.corner[1]
    inside = (rows >= 0) & (rows < mask.size[0]) & (columns >= 0) & (columns < mask.size[1])
    inside &= voxels[found.plane.axis] == found.plane.index
    if inside.any():
        inside[inside] = mask.crop()[rows[inside], columns[inside]]
    return inside


def object_at(
    objects: Mapping[int, CommittedObject], position: tuple[int, int, int]
) -> CommittedObject | None:
    """Return the newest object that holds the voxel (z, y, x)."""
    z, y, x = (np.array([axis], np.intp) for axis in position)
    for found in sorted(objects.values(), key=lambda found: -found.id):
        if _may_hold(found, position, position) and covers(found, (z, y, x))[0]:
            return found
    return None


def objects_in(
    objects: Mapping[int, CommittedObject], plane: Plane, region: NDArray[np.bool_]
) -> list[CommittedObject]:
    """Return the objects that hold a voxel of a (rows, columns) `region` of `plane`."""
    voxels = on_plane(plane, *np.nonzero(region))
    return [found for found in _near(objects.values(), voxels) if covers(found, voxels).any()]


def own_pixels(
    found: CommittedObject, objects: Mapping[int, CommittedObject], leaving: Iterable[int] = ()
) -> NDArray[np.bool_]:
    """Return the pixels of an object's bounding box that no other object of its class holds too.

    Those of `leaving` ids are not counted.
    """
    own, window = found.packed_mask.crop(), found.packed_mask.window
    gone = {found.id, *leaving}
    low, high = _corners(found)
    for other in objects.values():
        if other.value == found.value and other.id not in gone and _may_hold(other, low, high):
            own &= ~_footprint(other, found.plane, window)
    return own


def losses(objects: Mapping[int, CommittedObject], voxels: Voxels) -> list[Change]:
    """Return how objects shrink when `voxels` get another value; one that loses all of them is gone."""
    changes = []
    for found in _near(objects.values(), voxels):
        lost = covers(found, voxels)
        if lost.any():
            rows_axis, columns_axis = found.plane.in_plane
            mask = found.mask
            mask[voxels[rows_axis][lost], voxels[columns_axis][lost]] = False
            left = replace(found, packed_mask=PackedMask.of(mask)) if mask.any() else None
            changes.append(Change(found, left))
    return changes


def _near(objects: Iterable[CommittedObject], voxels: Voxels) -> list[CommittedObject]:
    """Return the objects whose bounding box meets that of the voxels."""
    if voxels[0].size == 0:
        return []
    low, high = [int(axis.min()) for axis in voxels], [int(axis.max()) for axis in voxels]
    return [found for found in objects if _may_hold(found, low, high)]


def _footprint(found: CommittedObject, plane: Plane, window: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Return which pixels in a window of `plane` an object holds that meets it, whatever its own plane."""
    mask = found.mask
    if found.plane == plane:
        return mask[window]
    rows_axis, _ = plane.in_plane
    met = np.take(mask, plane.index, axis=found.plane.in_plane.index(plane.axis))  # where the planes cross
    held = np.zeros([part.stop - part.start for part in window], np.bool_)
    if found.plane.axis == rows_axis:
        held[found.plane.index - window[0].start] = met[window[1]]
    else:
        held[:, found.plane.index - window[1].start] = met[window[0]]
    return held


def _corners(found: CommittedObject) -> tuple[list[int], list[int]]:
    """Return the first and the last voxel (z, y, x) of an object's bounding box."""
    (top, left), (height, width) = found.packed_mask.corner, found.packed_mask.size
    low, high = [top, left], [top + height - 1, left + width - 1]
    low.insert(found.plane.axis, found.plane.index)
    high.insert(found.plane.axis, found.plane.index)
    return low, high


def _may_hold(
    found: CommittedObject, low: list[int] | tuple[int, ...], high: list[int] | tuple[int, ...]
) -> bool:
    """Tell whether an object's bounding box meets the box from `low` to `high`, both inside it."""
    axis, (rows, columns), mask = found.plane.axis, found.plane.in_plane, found.packed_mask
    (top, left), (height, width) = mask.corner, mask.size
    return (
        low[axis] <= found.plane.index <= high[axis]
        and low[rows] < top + height
        and high[rows] >= top
        and low[columns] < left + width
        and high[columns] >= left
    )
