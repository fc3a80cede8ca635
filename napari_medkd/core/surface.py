"""How far the borders of two masks lie apart: HD95 and the normalised surface Dice.

The surface of a mask are its pixels that touch the outside by an edge or face, the border of the image being
outside. HD95 is the greater of the 95th percentiles of both directed distances, as in MONAI; tools that weigh
each piece of surface by its length (``surface-distance``) differ a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_medkd.errors import GeometryMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SHARE = 95


@dataclass(frozen=True, slots=True)
class SurfaceScores:
    """How well two borders agree.

    Parameters
    ----------
    hd95 : float
        95 % of both borders lie within this distance of the other, in the units of the spacing. 0 where both
        masks are empty, the diagonal of the image where one is: such a case is never dropped.
    nsd : float
        Share of both borders within the tolerance of the other, 0 to 1; 1 where both masks are empty, 0 where
        one is.
    """

    hd95: float
    nsd: float


def surface_scores(
    mask: NDArray[Any], truth: NDArray[Any], tolerance: float, spacing: Sequence[float] | None = None
) -> SurfaceScores:
    """Compare the borders of two masks.

    Parameters
    ----------
    mask, truth : ndarray
        Same shape, any number of axes; what is not zero belongs to the object.
    tolerance : float
        How far apart counts as the same border for `SurfaceScores.nsd`, in the units of `spacing`.
    spacing : sequence of float, optional
        Distance between pixels along each axis, in mm; pixels without it.
    """
    if mask.shape != truth.shape:
        raise GeometryMismatch(
            f"Masks of the shapes {mask.shape} and {truth.shape} cannot be compared.",
            "Compare masks of the same image.",
        )
    steps = np.ones(mask.ndim) if spacing is None else np.asarray(spacing, np.float64)
    one, other = mask.astype(np.bool_, copy=False), truth.astype(np.bool_, copy=False)
    if not one.any() or not other.any():
        agree = one.any() == other.any()
        diagonal = float(np.linalg.norm(steps * mask.shape))
        return SurfaceScores(0.0, 1.0) if agree else SurfaceScores(diagonal, 0.0)
    there, back = _distances(one, other, steps)
    hd95 = max(np.percentile(there, _SHARE), np.percentile(back, _SHARE))
    near = np.count_nonzero(there <= tolerance) + np.count_nonzero(back <= tolerance)
    return SurfaceScores(float(hd95), near / (there.size + back.size))


def surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that touch its outside."""
    border: NDArray[np.bool_] = mask & ~ndimage.binary_erosion(mask)
    return border


def _distances(
    one: NDArray[np.bool_], other: NDArray[np.bool_], steps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance of each surface pixel of one mask to the surface of the other, both ways."""
    (box,) = ndimage.find_objects((one | other).astype(np.uint8))  # nothing outside it matters
    first, second = surface(one[box]), surface(other[box])
    to_first = ndimage.distance_transform_edt(~first, sampling=steps)
    to_second = ndimage.distance_transform_edt(~second, sampling=steps)
    return to_second[first], to_first[second]
