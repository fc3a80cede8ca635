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


def voxels_of(plane: Plane, mask: PackedMask) -> Voxels:
    """Return (z, y, x) of a slice's mask, ordered as in memory."""
    crop_rows, crop_columns = np.nonzero(mask.crop())
    axes = [crop_rows + mask.corner[0], crop_columns + mask.corner[1]]
    axes.insert(plane.axis, np.full(crop_rows.size, plane.index))
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
    voxels = voxels_of(plane, PackedMask.of(region))
    return [found for found in _near(objects.values(), voxels) if covers(found, voxels).any()]


def own_voxels(
    found: CommittedObject, objects: Mapping[int, CommittedObject], leaving: Iterable[int] = ()
) -> Voxels:
    """Return the voxels that no other object of its class holds too, those of `leaving` ids not counted."""
    gone = {found.id, *leaving}
    voxels = voxels_of(found.plane, found.packed_mask)
    others = [other for other in objects.values() if other.value == found.value and other.id not in gone]
    shared = np.zeros(voxels[0].size, np.bool_)
    for other in _near(others, voxels):
        shared |= covers(other, voxels)
    return voxels[0][~shared], voxels[1][~shared], voxels[2][~shared]


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
