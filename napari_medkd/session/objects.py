"""Which voxels of the labels belong to which committed object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.session.history import Change
from napari_medkd.session.packing import PackedMask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.diff import Voxels
    from napari_medkd.session.state import CommittedObject

    Sheet = tuple[Plane, PackedMask]  # one slice of an object


def on_plane(plane: Plane, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Voxels:
    """Return (z, y, x) of pixels of a slice."""
    axes = [rows, columns]
    axes.insert(plane.axis, np.full(rows.size, plane.index))
    return axes[0], axes[1], axes[2]


def covers(found: CommittedObject, voxels: Voxels) -> NDArray[np.bool_]:
    """Tell for each voxel whether the object holds it."""
    held = np.zeros(voxels[0].shape, np.bool_)
    low, high = _ends(voxels)
    for sheet in found.sheets:
        if _may_hold(sheet, low, high):
            held |= _covers(sheet, voxels)
    return held


def object_at(
    objects: Mapping[int, CommittedObject], position: tuple[int, int, int]
) -> CommittedObject | None:
    """Return the newest object that holds the voxel (z, y, x)."""
    z, y, x = (np.array([axis], np.intp) for axis in position)
    for found in sorted(objects.values(), key=lambda found: -found.id):
        if covers(found, (z, y, x))[0]:
            return found
    return None


def objects_in(
    objects: Mapping[int, CommittedObject], plane: Plane, region: NDArray[np.bool_]
) -> list[CommittedObject]:
    """Return the objects that hold a voxel of a (rows, columns) `region` of `plane`."""
    voxels = on_plane(plane, *np.nonzero(region))
    if voxels[0].size == 0:
        return []
    return [found for found in objects.values() if covers(found, voxels).any()]


def own_pixels(
    found: CommittedObject, objects: Mapping[int, CommittedObject], leaving: Iterable[int] = ()
) -> list[tuple[Plane, PackedMask, NDArray[np.bool_]]]:
    """Return for each slice of an object the pixels of its box that no other object of its class holds too.

    Those of `leaving` ids are not counted.
    """
    gone = {found.id, *leaving}
    rivals = [one for one in objects.values() if one.value == found.value and one.id not in gone]
    others = [sheet for one in rivals for sheet in one.sheets]
    own = []
    for plane, mask in found.sheets:
        pixels, (low, high) = mask.crop(), _corners((plane, mask))
        for other in others:
            if _may_hold(other, low, high):
                pixels &= ~_footprint(other, plane, mask.window)
        own.append((plane, mask, pixels))
    return own


def losses(objects: Mapping[int, CommittedObject], voxels: Voxels) -> list[Change]:
    """Return how objects shrink when `voxels` get another value; one that loses all of them is gone."""
    if voxels[0].size == 0:
        return []
    low, high = _ends(voxels)
    changes = []
    for found in objects.values():
        lost = {
            plane.index: _without((plane, mask), voxels)
            for plane, mask in found.sheets
            if _may_hold((plane, mask), low, high) and _covers((plane, mask), voxels).any()
        }
        if lost:
            changes.append(Change(found, with_masks(found, lost)))
    return changes


def with_masks(found: CommittedObject, masks: Mapping[int, PackedMask]) -> CommittedObject | None:
    """Return an object with other pixels on some slices, by index; None where none is left anywhere."""
    stack = found.stack
    if stack is not None:
        others = {index: mask for index, mask in masks.items() if index != found.plane.index}
        left = {n: replace(stack.sections[n], mask=mask) for n, mask in others.items() if mask.bits}
        stack = stack.without(others).having(left)
    changed = replace(found, packed_mask=masks.get(found.plane.index, found.packed_mask), stack=stack)
    return changed if changed.sheets else None


def _without(sheet: Sheet, voxels: Voxels) -> PackedMask:
    """Return the pixels of a slice that are not among `voxels`."""
    plane, mask = sheet
    held, pixels = _covers(sheet, voxels), mask.unpack()
    rows_axis, columns_axis = plane.in_plane
    pixels[voxels[rows_axis][held], voxels[columns_axis][held]] = False
    return PackedMask.of(pixels)


def _covers(sheet: Sheet, voxels: Voxels) -> NDArray[np.bool_]:
    """Tell for each voxel whether one slice of an object holds it."""
    plane, mask = sheet
    rows_axis, columns_axis = plane.in_plane
    rows, columns = voxels[rows_axis] - mask.corner[0], voxels[columns_axis] - mask.corner[1]
    inside = (rows >= 0) & (rows < mask.size[0]) & (columns >= 0) & (columns < mask.size[1])
    inside &= voxels[plane.axis] == plane.index
    if inside.any():
        inside[inside] = mask.crop()[rows[inside], columns[inside]]
    return inside


def _footprint(sheet: Sheet, plane: Plane, window: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Return which pixels in a window of `plane` a slice of an object holds that meets it, along any axis."""
    there, packed = sheet
    mask = packed.unpack()
    if there == plane:
        return mask[window]
    rows_axis, _ = plane.in_plane
    met = np.take(mask, plane.index, axis=there.in_plane.index(plane.axis))  # where the planes cross
    held = np.zeros([part.stop - part.start for part in window], np.bool_)
    if there.axis == rows_axis:
        held[there.index - window[0].start] = met[window[1]]
    else:
        held[:, there.index - window[1].start] = met[window[0]]
    return held


def _ends(voxels: Voxels) -> tuple[list[int], list[int]]:
    """Return the first and the last voxel (z, y, x) of the box around some; there must be one."""
    return [int(axis.min()) for axis in voxels], [int(axis.max()) for axis in voxels]


def _corners(sheet: Sheet) -> tuple[list[int], list[int]]:
    """Return the first and the last voxel (z, y, x) of the bounding box of a slice of an object."""
    plane, mask = sheet
    (top, left), (height, width) = mask.corner, mask.size
    low, high = [top, left], [top + height - 1, left + width - 1]
    low.insert(plane.axis, plane.index)
    high.insert(plane.axis, plane.index)
    return low, high


def _may_hold(sheet: Sheet, low: Sequence[int], high: Sequence[int]) -> bool:
    """Tell whether the box of a slice of an object meets that from `low` to `high`, both inside it."""
    plane, mask = sheet
    axis, (rows, columns) = plane.axis, plane.in_plane
    (top, left), (height, width) = mask.corner, mask.size
    return (
        low[axis] <= plane.index <= high[axis]
        and low[rows] < top + height
        and high[rows] >= top
        and low[columns] < left + width
        and high[columns] >= left
    )
