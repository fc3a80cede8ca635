"""What a mask may write into the labels: the overlap rule and the locks, as diffs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import GeometryMismatch
from napari_medkd.session.diff import Diff
from napari_medkd.session.objects import voxels_of
from napari_medkd.session.packing import PackedMask
from napari_medkd.session.state import OverlapConflict, OverlapRule

if TYPE_CHECKING:
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
    voxels = voxels_of(plane, PackedMask.of(mask))
    standing = labels[voxels]
    other = (standing != 0) & (standing != classes.active)
    locked = other & np.isin(standing, classes.locked)
    if rule is OverlapRule.ASK and (other & ~locked).any():
        raise _conflict(standing[other & ~locked], classes)
    protected = other if rule is OverlapRule.KEEP else locked
    z, y, x = (axis[~protected] for axis in voxels)
    old = standing[~protected]
    taken = other[~protected]
    rows, columns = ((z, y, x)[axis] for axis in plane.in_plane)
    written = np.zeros_like(mask)
    written[rows, columns] = True
    diff = Diff.of((z, y, x), old, np.full_like(old, classes.active), labels.shape)
    return Writing(written, diff, (z[taken], y[taken], x[taken]), int(protected.sum()))


def erasing(labels: NDArray[np.uint16], voxels: Voxels, value: int) -> Diff | None:
    """Return the change to background of those of `voxels` that hold `value`."""
    old = labels[voxels]
    return Diff.of(voxels, old, np.where(old == value, 0, old), labels.shape)


def _conflict(standing: NDArray[np.uint16], classes: ClassTable) -> OverlapConflict:
    values = [int(value) for value in np.unique(standing)]
    names = tuple(classes[value].name if value in classes else f"value {value}" for value in values)
    return OverlapConflict(standing.size, names)
