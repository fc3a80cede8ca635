"""What a mask may write into the labels: the overlap rule and the locks, as diffs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import GeometryMismatch
from napari_medkd.session.diff import Diff
from napari_medkd.session.objects import on_plane
from napari_medkd.session.packing import bounding_box
from napari_medkd.session.state import OverlapConflict, OverlapRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.classes import ClassTable
    from napari_medkd.session.diff import Voxels


@dataclass(frozen=True, slots=True, eq=False)
class Writing:
    """What a commit would do, before it does it.

    Parameters
    ----------
    mask : ndarray (rows, columns) bool
        The object as it would stand in the result.
    diff : Diff or None
        The voxels that would change; None where all hold the value already.
    overwritten : tuple of ndarray
        (z, y, x) of voxels that other classes would lose.
    protected : int
        Voxels that would be left alone.
    """

    mask: NDArray[np.bool_]
    diff: Diff | None
    overwritten: Voxels
    protected: int


def fitting(labels: NDArray[np.generic] | None, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """Return labels for an image of `shape`: new, or those given, copied only where the type demands it."""
    if labels is None:
        return np.zeros(shape, np.uint16)
    if labels.shape != shape:
        raise GeometryMismatch(
            f"The labels have {'×'.join(map(str, labels.shape))} voxels, the image "
            f"{'×'.join(map(str, shape))} (z, y, x).",
            "Use labels that were made on this image.",
        )
    if labels.dtype != np.uint16 and labels.size and (labels.min() < 0 or labels.max() > 65535):
        raise GeometryMismatch(
            f"The labels reach from {labels.min()} to {labels.max()}; values from 0 to 65535 can be kept.",
            "Renumber them.",
        )
    if labels.dtype == np.uint16 and labels.flags.writeable and labels.flags.c_contiguous:
        return np.asarray(labels, np.uint16)
    return np.array(labels, np.uint16, order="C")


def plan_write(
    labels: NDArray[np.uint16],
    plane: Plane,
    mask: NDArray[np.bool_],
    classes: ClassTable,
    rule: OverlapRule,
) -> Writing:
    """Work out what writing a (rows, columns) mask into the active class would do under `rule`.

    Costs what the mask costs, whatever the volume's size. Raises `OverlapConflict` where the rule is to ask.
    """
    corner, (height, width) = bounding_box(mask)
    window = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
    crop, old = mask[window], labels[plane.slicing()][window]
    other = crop & (old != 0) & (old != classes.active)
    locked = other & is_one_of(old, classes.locked)
    if rule is OverlapRule.ASK and (other & ~locked).any():
        raise _conflict(old[other & ~locked], classes)
    protected = other if rule is OverlapRule.KEEP else locked
    written = mask.copy()
    written[window] &= ~protected
    new = np.where(written[window], np.uint16(classes.active), old)
    diff = Diff.on_slice(plane, corner, old, new, labels.shape)
    rows, columns = np.nonzero(other & ~protected)
    taken = on_plane(plane, rows + corner[0], columns + corner[1])
    return Writing(written, diff, taken, int(np.count_nonzero(protected)))


def plan_writes(
    labels: NDArray[np.uint16],
    masks: Iterable[tuple[Plane, NDArray[np.bool_]]],
    classes: ClassTable,
    rule: OverlapRule,
) -> list[tuple[Plane, Writing]]:
    """Work out what writing an object of several slices would do, a slice at a time.

    Raises `OverlapConflict` with the voxels of all of them where the rule is to ask.
    """
    writings, conflicts = [], []
    for plane, mask in masks:
        try:
            writings.append((plane, plan_write(labels, plane, mask, classes, rule)))
        except OverlapConflict as conflict:
            conflicts.append(conflict)
    if conflicts:
        names = dict.fromkeys(name for conflict in conflicts for name in conflict.names)
        raise OverlapConflict(sum(conflict.voxels for conflict in conflicts), tuple(names))
    return writings


def set_where(
    labels: NDArray[np.uint16],
    plane: Plane,
    corner: tuple[int, int],
    where: NDArray[np.bool_],
    value: int,
    only: tuple[int, ...],
) -> tuple[Diff | None, NDArray[np.bool_]]:
    """Work out giving `value` to those pixels `where` one of `only` stands; also says which those are.

    `where` is a rectangle of the slice whose first pixel is `corner`.
    """
    window = slice(corner[0], corner[0] + where.shape[0]), slice(corner[1], corner[1] + where.shape[1])
    old = labels[plane.slicing()][window]
    chosen = where & is_one_of(old, only)
    new = np.where(chosen, np.uint16(value), old)
    return Diff.on_slice(plane, corner, old, new, labels.shape), chosen


def is_one_of(values: NDArray[np.uint16], chosen: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tell which values are among a few: faster than numpy's own, which prepares for many."""
    found = np.zeros(values.shape, np.bool_)
    for value in chosen:
        found |= values == value
    return found


def _conflict(standing: NDArray[np.uint16], classes: ClassTable) -> OverlapConflict:
    values = [int(value) for value in np.unique(standing)]
    names = tuple(classes[value].name if value in classes else f"value {value}" for value in values)
    return OverlapConflict(standing.size, names)
