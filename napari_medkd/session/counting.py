"""Numbers of slices as people see them: in the viewer's order, which may run against the file's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume


@dataclass(frozen=True, slots=True)
class Counting:
    """Which axes of the volume a viewer counts backwards.

    A file may store its slices from head to feet; a viewer's slider goes by the place in the world. What the
    panel says must be what the slider says.

    Parameters
    ----------
    backwards : frozenset of int
        Axes (0 = z) whose slices are counted from the last one.
    """

    backwards: frozenset[int] = frozenset()

    def number(self, volume: Volume, plane: Plane) -> int:
        """Return the number of a slice, from 0. The index that belongs to a number is found alike."""
        last = volume.shape[plane.axis] - 1
        return last - plane.index if plane.axis in self.backwards else plane.index
