"""Sizes of what was found: volumes and diameters, in millimetres where the file says how large a voxel is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Geometry

Unit = Literal["mm", "px"]
_EDGES = np.array([[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]])  # of a pixel, from its centre
_HULL = 64  # points from which on only those of the hull are compared


def unit_of(geometry: Geometry) -> Unit:
    """Return what lengths are given in: millimetres where the file has a spacing, else pixels."""
    return "mm" if geometry.from_file or geometry.spacing != (1.0, 1.0, 1.0) else "px"


def voxel_size(geometry: Geometry) -> float:
    """Return the area of a pixel of a picture, or the volume of a voxel of several slices."""
    if geometry.shape[0] == 1:
        return geometry.spacing[1] * geometry.spacing[2]
    return float(abs(np.linalg.det(geometry.affine[:3, :3])))  # less than the product where axes lean


def axial_axis(geometry: Geometry) -> int:
    """Return the array axis that axial slices lie across: the one nearest to superior–inferior."""
    letters = geometry.orientation
    return next(axis for axis in range(3) if letters[axis] in "SI")


@dataclass(frozen=True, slots=True)
class Diameters:
    """The longest straight line across an object on one slice, and the longest at right angles to it.

    Both run from edge to edge of pixels and are given in the units of the spacing.
    """

    longest: float
    perpendicular: float


def diameters(mask: NDArray[np.bool_], spacing: Sequence[float]) -> Diameters:
    """Measure a (rows, columns) mask as lesions are measured; zeros where it is empty.

    The second line need not cross the middle of the first; a bent object is not measured across its bend.

    Parameters
    ----------
    spacing : sequence of float
        Distance between rows and between columns.
    """
    rows, columns = np.nonzero(_border(mask))
    if not rows.size:
        return Diameters(0.0, 0.0)
    centres = np.stack([rows, columns], axis=1).astype(np.float64)
    points = ((centres[:, np.newaxis] + _EDGES) * np.asarray(spacing, np.float64)[:2]).reshape(-1, 2)
    corners = _corners(points)
    apart = squareform(pdist(corners))
    one, other = np.unravel_index(int(apart.argmax()), apart.shape)
    longest = float(apart[one, other])
    along = (corners[other] - corners[one]) / longest
    across = np.array([-along[1], along[0]])
    return Diameters(longest, _longest_chord(points @ along, points @ across, min(spacing)))


def _longest_chord(along: NDArray[np.float64], across: NDArray[np.float64], step: float) -> float:
    """Return the widest spread of `across` among points that are as far `along`, to within `step`."""
    bins = np.floor((along - along.min()) / step).astype(np.intp)
    low, high = np.full(bins.max() + 1, np.inf), np.full(bins.max() + 1, -np.inf)
    np.minimum.at(low, bins, across)
    np.maximum.at(high, bins, across)
    return float(np.max(high - low))


def _border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that are the first or the last of a row or a column of it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    border: NDArray[np.bool_] = mask & ~inner
    return border


def _corners(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points among which the two furthest apart are."""
    if len(points) < _HULL:
        return points
    return np.asarray(points[ConvexHull(points).vertices])
