"""Masks that cost nothing but the box: what a model must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Box


def filled_box(box: Box, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask that calls everything in the box the object."""
    mask = np.zeros(shape, np.bool_)
    top, left = max(0, round(box.top)), max(0, round(box.left))
    mask[top : round(box.bottom) + 1, left : round(box.right) + 1] = True
    return mask


def inscribed_ellipse(box: Box, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask that calls the largest ellipse in the box the object; good at round lesions.

    The box reaches half a pixel beyond the centres of its outermost pixels.
    """
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    down = (rows - (box.top + box.bottom) / 2) / ((box.bottom - box.top + 1) / 2)
    across = (columns - (box.left + box.right) / 2) / ((box.right - box.left + 1) / 2)
    mask: NDArray[np.bool_] = down**2 + across**2 <= 1
    return mask
