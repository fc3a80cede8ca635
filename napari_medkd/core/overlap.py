"""How well two masks agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import GeometryMismatch

if TYPE_CHECKING:
    from numpy.typing import NDArray


def dice(mask: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return Dice's coefficient of two masks, 2·|both| / (|mask| + |truth|), 0 to 1.

    Parameters
    ----------
    mask, truth : ndarray
        Same shape, any number of axes; what is not zero belongs to the object. Two empty masks agree: 1.
    """
    both, one, other = _counts(mask, truth)
    return 2 * both / (one + other) if one + other else 1.0


def iou(mask: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return intersection over union of two masks, 0 to 1; see `dice` for the arguments."""
    both, one, other = _counts(mask, truth)
    return both / (one + other - both) if one + other else 1.0


def _counts(mask: NDArray[Any], truth: NDArray[Any]) -> tuple[int, int, int]:
    """Return how many pixels both, the first and the second mask hold."""
    if mask.shape != truth.shape:
        raise GeometryMismatch(
            f"Masks of the shapes {mask.shape} and {truth.shape} cannot be compared.",
            "Compare masks of the same image.",
        )
    one, other = mask.astype(bool, copy=False), truth.astype(bool, copy=False)
    return int(np.count_nonzero(one & other)), int(np.count_nonzero(one)), int(np.count_nonzero(other))
