"""Which slices to encode while nobody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.core.geometry import Plane

if TYPE_CHECKING:
    from collections.abc import Iterator


def neighbours(
    plane: Plane, slices: int, budget: int, nbytes: int, reach: int | None = None
) -> Iterator[Plane]:
    """Yield the slices around `plane`, nearest first, as many as memory has room for beside it.

    Parameters
    ----------
    plane : Plane
        The visible slice.
    slices : int
        How many there are along its axis.
    budget, nbytes : int
        Bytes that the cache may take, and that one encoded slice takes.
    reach : int, optional
        How far to go each way; to the ends of the volume where None.
    """
    room = budget // max(nbytes, 1) - 1
    for distance in range(1, (slices if reach is None else reach) + 1):
        for index in (plane.index + distance, plane.index - distance):
            if 0 <= index < slices:
                if room <= 0:
                    return
                room -= 1
                yield Plane(plane.axis, index)
