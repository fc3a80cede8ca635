"""Small odd grids to read and write: oblique, anisotropic, flipped, sheared."""

from __future__ import annotations

import numpy as np

SHAPE = (4, 5, 7)


def oblique(seed: int = 0) -> np.ndarray:
    """A right-angled (z, y, x) → RAS affine that leans in every direction; odd seeds are mirrored."""
    rng = np.random.default_rng(seed)
    directions, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if (np.linalg.det(directions) > 0) == bool(seed % 2):
        directions[:, 0] *= -1
    affine = np.eye(4)
    affine[:3, :3] = directions * (3.3, 0.9, 0.4)
    affine[:3, 3] = rng.uniform(-200, 200, 3)
    return affine


def sheared() -> np.ndarray:
    """An axial grid of a tilted gantry: slices step along a direction that is not their normal."""
    affine = np.array([[0, 0, -0.8, 50], [0.9, -0.8, 0, 60], [3.0, 0, 0, -70], [0, 0, 0, 1]])
    return affine


def values(dtype: str = "int16") -> np.ndarray:
    """Voxels that are all different."""
    count = int(np.prod(SHAPE))
    return (np.arange(count).reshape(SHAPE) - (count // 2 if np.dtype(dtype).kind != "u" else 0)).astype(
        dtype
    )


def labels(highest: int = 3) -> np.ndarray:
    """A mask with classes 0, 1 and `highest`, different at every corner."""
    mask = np.zeros(SHAPE, np.uint16)
    mask[1:3, 1:4, 2:5] = 1
    mask[0, 0, 0] = highest
    mask[3, 4, 0] = 1
    return mask
