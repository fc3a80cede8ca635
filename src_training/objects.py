"""What there is to segment in an image: the objects of its mask, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_medkd.core.geometry import Plane
from napari_medkd.core.objects import LIMIT, SMALLEST, Kind, objects, slice_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Geometry

__all__ = ["LIMIT", "SMALLEST", "Kind", "Target", "objects", "slice_axis", "targets"]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One object on one slice: what a user would want to have segmented.

    Parameters
    ----------
    plane : Plane
        The slice.
    name : str
        Which object of the slice: its id where the file gives one, else its rank by size, from 1.
    mask : ndarray (rows, columns) bool
        Its pixels.
    """

    plane: Plane
    name: str
    mask: NDArray[np.bool_]


def targets(
    labels: NDArray[Any],
    geometry: Geometry,
    kind: Kind,
    limit: int | None = LIMIT,
    smallest: int = SMALLEST,
) -> Iterator[Target]:
    """Yield the objects of a mask (z, y, x), slice by slice along the axis it was acquired along.

    Slices without an object are passed over. See `core.objects.objects` for the other arguments.
    """
    axis = slice_axis(geometry)
    for index in range(labels.shape[axis]):
        plane = Plane(axis, index)
        slice_ = labels[plane.slicing()]
        if slice_.any():
            for name, mask in objects(slice_, kind, limit, smallest):
                yield Target(plane, name, mask)
