"""Where voxels lie in the patient: THE axis convention of napari-medkd.

Arrays are indexed (z, y, x), which names storage order and nothing more. A geometry's affine takes such an
index to patient millimetres (R, A, S), as NIfTI does. Readers transpose on the way in, writers on the way
out; nothing else changes the order of axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medkd.errors import GeometryMismatch, InvalidPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

Affine = NDArray[np.float64]
# R, A, S millimetres → the viewer's world, ordered (I, P, L). In it a head is upright in every reslice,
# anterior is at the top of an axial slice and the patient's left is on the right of the screen.
RAS_TO_VIEW = np.array([[0, 0, -1, 0], [0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Plane:
    """One slice of a volume: the `index`-th along `axis` (0 = z, 1 = y, 2 = x)."""

    axis: int
    index: int

    @property
    def in_plane(self) -> tuple[int, int]:
        """The volume axes of the slice's rows and columns, in storage order."""
        rows, columns = (axis for axis in range(3) if axis != self.axis)
        return rows, columns

    def shape(self, volume_shape: Sequence[int]) -> tuple[int, int]:
        """Return (rows, columns) of this slice."""
        rows, columns = self.in_plane
        return int(volume_shape[rows]), int(volume_shape[columns])

    def slicing(self) -> tuple[int | slice, int | slice, int | slice]:
        """Return the index that takes this slice out of a (z, y, x[, c]) array, as a view."""
        parts: list[int | slice] = [slice(None)] * 3
        parts[self.axis] = self.index
        return parts[0], parts[1], parts[2]

    def to_volume(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Turn (…, 2) in-plane (row, column) into (…, 3) volume index coordinates."""
        points = np.asarray(points, dtype=np.float64)
        return np.insert(points, self.axis, self.index, axis=-1)

    def from_volume(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Drop the slice coordinate of (…, 3) volume index coordinates."""
        return np.delete(np.asarray(points, dtype=np.float64), self.axis, axis=-1)

    def check(self, volume_shape: Sequence[int]) -> None:
        """Raise `InvalidPrompt` where the volume has no such slice."""
        if not 0 <= self.index < volume_shape[self.axis]:
            raise InvalidPrompt(
                f"Slice {self.index} does not exist: the image has slices 0 to {volume_shape[self.axis] - 1} "
                f"along axis {'zyx'[self.axis]}.",
                "Choose a slice inside the image.",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """A voxel grid in the patient.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x) voxels.
    affine : ndarray (4, 4)
        (z, y, x, 1) voxel index → (R, A, S, 1) millimetres; an index names a voxel's centre.
    from_file : bool
        False where the file gave no position (a photograph), and the affine is only a convention.
    """

    shape: tuple[int, int, int]
    affine: Affine
    from_file: bool = True

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
            raise GeometryMismatch(
                "The image's position is not usable: its affine is not an invertible 4 by 4 matrix.",
                "Check the file's header, or save it again with a valid orientation.",
            )
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    @classmethod
    def image(cls, shape: Sequence[int], spacing: Sequence[float] = (1.0, 1.0, 1.0)) -> Geometry:
        """Return the geometry of a picture without a patient frame: rows go down, columns to the right."""
        view = np.diag([*map(float, spacing), 1.0])
        z, y, x = (int(n) for n in shape)
        affine: Affine = np.asarray(np.linalg.inv(RAS_TO_VIEW) @ view, dtype=np.float64)
        return cls((z, y, x), affine, from_file=False)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between voxel centres along (z, y, x)."""
        z, y, x = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def directions(self) -> NDArray[np.float64]:
        """3×3 unit vectors in (R, A, S), a column per array axis."""
        directions: NDArray[np.float64] = self.affine[:3, :3] / np.asarray(self.spacing)
        return directions

    @property
    def orientation(self) -> str:
        """Where each array axis (z, y, x) leads, as anatomical letters: ``"SPL"`` for a usual axial CT."""
        letters = [("R", "L"), ("A", "P"), ("S", "I")]
        permutation, signs = self._nearest_axes()
        return "".join(
            letters[world][0 if sign > 0 else 1] for world, sign in zip(permutation, signs, strict=True)
        )

    @property
    def is_oblique(self) -> bool:
        """True where an axis leans more than 0.1° from the nearest anatomical one."""
        return bool((np.abs(self.directions).max(axis=0) < np.cos(np.deg2rad(0.1))).any())

    def to_world(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Take (…, 3) voxel indices to (R, A, S) millimetres."""
        return np.asarray(points, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Take (…, 3) millimetres (R, A, S) to voxel indices; the inverse of `to_world`."""
        inverse = np.linalg.inv(self.affine)
        indices: NDArray[np.float64] = (
            np.asarray(points, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
        )
        return indices

    def plane_spacing(self, plane: Plane) -> tuple[float, float]:
        """Millimetres between rows and between columns of a slice."""
        rows, columns = plane.in_plane
        return self.spacing[rows], self.spacing[columns]

    def same_grid(self, other: Geometry, tolerance_mm: float = 1e-3) -> bool:
        """Tell whether both put the same voxels in the same places (corners within `tolerance_mm`)."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        return bool(np.abs(self.to_world(corners) - other.to_world(corners)).max() <= tolerance_mm)

    def turn_onto(
        self, other: Geometry, tolerance_mm: float = 1e-3
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Tell how to store this grid's voxels as `other` does, where both are the same voxels.

        Returns
        -------
        order, flipped : tuple of int, or None
            ``np.flip(data.transpose(order), flipped)`` lies as `other`; None where no turn by right angles
            brings the corners within `tolerance_mm`.
        """
        steps = np.rint(np.linalg.inv(other.affine[:3, :3]) @ self.affine[:3, :3])
        if not all((np.abs(steps).sum(axis) == 1).all() for axis in (0, 1)):
            return None
        order = tuple(int(axis) for axis in np.abs(steps).argmax(axis=1))
        flipped = tuple(axis for axis in range(3) if steps[axis, order[axis]] < 0)
        depth, rows, columns = (self.shape[axis] for axis in order)
        shape = (depth, rows, columns)
        affine = self.affine[:, [*order, 3]]
        for axis in flipped:
            affine[:, 3] += (shape[axis] - 1) * affine[:, axis]
            affine[:, axis] *= -1
        turned = Geometry(shape, affine, self.from_file)
        return (order, flipped) if turned.same_grid(other, tolerance_mm) else None

    def display_affine(self) -> Affine:
        """Return (z, y, x, 1) → the viewer's axis-aligned world, 4×4, in millimetres.

        A viewer slices along array axes only, so each axis is laid along itself, running to inferior,
        posterior or left whatever the storage; spacing, flips and the position of the first voxel are true,
        while obliqueness and the order of axes stay with `affine`.
        """
        permutation, signs = self._nearest_axes()
        display = np.eye(4)
        for axis in range(3):
            display[axis, axis] = -signs[axis] * self.spacing[axis]
            display[axis, 3] = -self.affine[permutation[axis], 3]
        return display

    def _nearest_axes(self) -> tuple[list[int], list[int]]:
        """For each array axis the world axis it runs along and its sign, each world axis taken once."""
        left = self.directions.copy()
        permutation, signs = [0, 0, 0], [1, 1, 1]
        for _ in range(3):
            world, axis = np.unravel_index(int(np.nanargmax(np.abs(left))), left.shape)
            permutation[axis], signs[axis] = int(world), 1 if left[world, axis] > 0 else -1
            left[world, :] = 0
            left[:, axis] = 0
        return permutation, signs
