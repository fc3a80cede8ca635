"""Tidying what was found in a volume slice by slice, where three dimensions know better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALL = 0.05  # of the largest part: smaller ones, mostly on a slice or two, are taken for mistakes
_TOUCHING = np.ones((3, 3, 3), bool)


def clean(labels: NDArray[np.uint8], how: Literal["none", "small", "largest"]) -> None:
    """Remove parts of each class of a volume, in place.

    A picture or a single slice is left as it is: nothing says there which part is a mistake.

    Parameters
    ----------
    labels : ndarray (z, y, x) uint8
        Classes, 0 outside.
    how : str
        ``small`` removes parts under 5 % of the largest one of their class, ``largest`` keeps that one only.
    """
    if how == "none" or labels.shape[0] == 1:
        return
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        if place is None:
            continue
        seen = labels[place]  # only where the class is: a whole volume of part numbers would be large
        parts, count = ndimage.label(seen == label, _TOUCHING)
        if count < 2:
            continue
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        sizes[0] = 0
        kept = sizes == sizes.max() if how == "largest" else sizes >= _SMALL * sizes.max()
        kept[0] = True
        seen[~kept[parts]] = 0
