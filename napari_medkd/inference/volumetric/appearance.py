"""What an object looks like beside its surroundings: to notice that a walk left it, and where it tapers off.

The grey values inside the object and around it on a prompted slice are two histograms. How much likelier a
pixel is under the one than under the other says whether it may belong to the object where its outline only
says that it did on the slice before: an organ that tapers off is followed to its tip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_BINS = 24
_SMOOTH = 1.5  # bins that histograms are smoothed by: grey values of a slice vary
_RARE = 0.5  # pixels that each bin is given, so that what was not seen is unlikely and not impossible
_AROUND = 4  # pixels of the surroundings that count
_SURE = 3.0  # log odds beyond which a pixel is no surer


class Appearance:
    """Grey values inside an object and around it, on a slice that the user prompted.

    Parameters
    ----------
    image : ndarray (rows, columns, 1 or 3) uint8
        The slice as the model sees it.
    mask : ndarray (rows, columns) bool
        The object on it; not empty.
    """

    def __init__(self, image: NDArray[np.uint8], mask: Mask) -> None:
        grey = _grey(image)
        ring = ndimage.binary_dilation(mask, iterations=_AROUND) & ~mask
        self._inside, self._outside = _histogram(grey[mask]), _histogram(grey[ring])

    def likeness(self, image: NDArray[np.uint8], mask: Mask) -> float:
        """Return how like the object's the grey values in `mask` are, 0 to 1: the histograms' overlap."""
        return float(np.minimum(self._inside, _histogram(_grey(image)[mask])).sum())

    def evidence(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return for each pixel how much likelier its surroundings make the object than not: log odds ±3."""
        odds = np.clip(np.log(self._inside / self._outside), -_SURE, _SURE)
        smooth = ndimage.gaussian_filter(_grey(image).astype(np.float32), 0.7)
        each = odds[_bin(smooth)].astype(np.float32)
        return np.asarray(ndimage.gaussian_filter(each, 1.0), np.float32)


def _grey(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(image.mean(axis=2), np.float32)


def _bin(grey: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.asarray(np.clip(grey * (_BINS / 256), 0, _BINS - 1), np.intp)


def _histogram(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    counts = np.bincount(_bin(grey), minlength=_BINS).astype(np.float64)
    smooth = ndimage.gaussian_filter1d(counts, _SMOOTH, mode="nearest") + _RARE
    return np.asarray(smooth / smooth.sum(), np.float64)
