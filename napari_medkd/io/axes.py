"""From the axes of files (x, y, z; often LPS) to ours (z, y, x; RAS) and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_ORIENTATION = (
    "The file does not say how the image lies in the patient; left, right, front and back are assumed."
)
_REVERSED = np.eye(4)[[2, 1, 0, 3]]
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def reverse_axes(affine: NDArray[Any]) -> NDArray[np.float64]:
    """Turn an affine over (x, y, z) indices into one over (z, y, x), or back."""
    return np.asarray(affine, dtype=np.float64) @ _REVERSED


def swap_lps(affine: NDArray[Any]) -> NDArray[np.float64]:
    """Turn an affine into (L, P, S) millimetres into one into (R, A, S), or back."""
    return _LPS @ np.asarray(affine, dtype=np.float64)


def from_columns(columns: NDArray[Any], origin: NDArray[Any]) -> NDArray[np.float64]:
    """Build a 4×4 affine from its 3×3 part and the position of the first voxel."""
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = origin
    return affine
