"""Masks of thin, branched things that nobody prompted for: no model can be given them to go on from.

A mask prompt has a cell for several pixels, and a model that answers for one object at a time draws anew what
it is asked about. A tree of vessels would be gone after one click. So such a mask is kept as it is, but for
where a click says something (`inference.nudging`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.segmenter import Seen
from napari_medkd.models.card import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_THIN = 0.025  # of its extent: half the width of a thin thing where it is thickest
_LOOKED_AT = 512  # pixels of a mask's longer side are enough to tell
_FINEST, _COARSEST = 4096, 32  # pixels of a slice's longer side that are told apart
# Log odds of the mask. They are high so that a click brings in a spot that is about as wide as the thing is:
# nothing is known of what was nearly found.
_CERTAIN = 16.0


def is_thin(mask: NDArray[np.bool_]) -> bool:
    """Tell whether a (rows, columns) mask is nowhere thick for how far it reaches; False for an empty one."""
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found:
        return False
    part = mask[found[0]]
    step = -(-max(part.shape) // _LOOKED_AT)
    part = part[::step, ::step]
    thick = float(ndimage.distance_transform_edt(np.pad(part, 1)).max())
    return bool(thick < _THIN * max(part.shape))


def as_it_is(mask: NDArray[np.bool_]) -> Seen:
    """Return a (rows, columns) mask as what a click changes where the click is, and nowhere else."""
    side = int(np.clip(max(mask.shape), _COARSEST, _FINEST))
    frame = Frame((mask.shape[0], mask.shape[1]), Preprocessing(size=side))
    if side == max(mask.shape):  # nothing is scaled, and much is saved
        logits = np.full((side, side), -_CERTAIN, np.float32)
        logits[: mask.shape[0], : mask.shape[1]][mask] = _CERTAIN
    else:
        share = frame.to_low_resolution(mask, side)
        logits = np.asarray(_CERTAIN * (2 * share - 1), np.float32)
    return Seen(logits, frame, joined=True)
