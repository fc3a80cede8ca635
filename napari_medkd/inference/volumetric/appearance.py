"""What an object looks like beside its surroundings, so that a walk notices when it has walked off it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_BINS = 16
_SHARPER = 1.5  # grey values of a slice vary with their neighbours': histograms are smoothed by so many bins


class Appearance:
    """Grey values inside the object on the slices that the user prompted.

    Parameters
    ----------
    image : ndarray (rows, columns, 1 or 3) uint8
        A prompted slice as the model sees it.
    mask : ndarray (rows, columns) bool
        The object on it.
    """

    def __init__(self, image: NDArray[np.uint8], mask: Mask) -> None:
        self._inside = _histogram(image, mask)

    def likeness(self, image: NDArray[np.uint8], mask: Mask) -> float:
        """Return how like the object's the grey values in `mask` are, 0 to 1: the histograms' overlap."""
        return float(np.minimum(self._inside, _histogram(image, mask)).sum())


def _histogram(image: NDArray[np.uint8], mask: Mask) -> NDArray[np.float64]:
    grey = image[mask].mean(axis=1)
    counts, _ = np.histogram(grey, _BINS, (0, 256))
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), _SHARPER, mode="nearest")
    return np.asarray(smooth / max(smooth.sum(), 1e-9), np.float64)
