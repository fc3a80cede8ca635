"""A slice looked at more than once before a model says what it finds: in quarters, or from afar.

A network's input is a few hundred pixels wide. On a larger slice a thin vessel fades in it, and nuclei that
touch become one; each of four overlapping quarters shows them at nearly twice the size. What fills much of
the view, as a polyp may, is sometimes missed there and found in a picture that takes up less of the input.
The first look at the whole slice has as much to say as all quarters together, since it alone shows what
surrounds them, and as much as each look from afar.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.inference.zoom import Crop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.inference.preprocess import Frame

# Of the slice's longer side. On validation splits ½, 0.6 and ¾ do about as well (docs/recipes/esp-medsam.md).
_SHARE = 0.6
_SMALLEST = 64  # pixels of the slice: closer than that there is nothing more to see
_AFAR = (0.85, 0.7)  # shares of the input's side that the longer side of the slice takes up


def quarters(shape: tuple[int, int]) -> list[Crop]:
    """Return the quarters of a slice of `shape` (rows, columns): four, two of a narrow one, or none."""
    side = round(_SHARE * max(shape))
    if side < _SMALLEST:
        return []
    rows, columns = (sorted({0, max(0, length - side)}) for length in shape)
    return [
        Crop(top, left, min(top + side, shape[0]), min(left + side, shape[1]))
        for top, left in product(rows, columns)
    ]


def afar(frame: Frame) -> list[Frame]:
    """Return how else the slice of a frame is seen, as smaller pictures."""
    return [replace(frame, share=share) for share in _AFAR]


def averaged(
    frame: Frame, looks: Sequence[tuple[Frame, NDArray[np.float32]]], side: int
) -> NDArray[np.float32]:
    """Return the mean (targets, side, side) in one frame of what was said in several of the same slice."""
    return np.asarray(np.mean([_placed(logits, seen, frame, side) for seen, logits in looks], 0), np.float32)


def joined(
    whole: NDArray[np.float32], frame: Frame, parts: Sequence[tuple[Frame, NDArray[np.float32]]], side: int
) -> NDArray[np.float32]:
    """Return the mean of what was said of the slice and of its quarters.

    Parameters
    ----------
    whole : ndarray (targets, h, h) float32
        Log odds of the whole slice.
    frame : Frame
        How the whole slice was seen.
    parts : sequence of (Frame, ndarray (targets, h, h) float32)
        How each quarter was seen, and its log odds. Where two overlap, the one counts more whose edge is
        further away.
    side : int
        Rows and columns of the answer, (targets, side, side) in the frame of the whole slice.
    """
    broad = _placed(whole, frame, frame, side)
    total, weights = np.zeros_like(broad), np.zeros((side, side), np.float32)
    for part, logits in parts:
        weight = _weight(frame, part.view, side)
        total += weight * _placed(logits, part, frame, side)
        weights += weight
    seen = weights > 0  # the padding of a slice that is not square is in none
    mean = np.divide(total, weights, out=broad.copy(), where=seen)
    return np.asarray((broad + mean) / 2, np.float32)


def _placed(logits: NDArray[np.float32], seen: Frame, frame: Frame, side: int) -> NDArray[np.float32]:
    """Bring each target's (h, h) logits of one view into another: (targets, side, side)."""
    return np.stack([frame.from_other(one, seen, side) for one in logits])


def _weight(frame: Frame, crop: Crop, side: int) -> NDArray[np.float32]:
    """Return how far each of (side, side) logits of the whole slice lies from a crop's edges, 0 outside."""
    starts, stops = (crop.top, crop.left), (crop.bottom, crop.right)
    far = []
    for start, stop, length, fitted in zip(starts, stops, frame.view.shape, frame.fitted, strict=True):
        pixels = (np.arange(side) + 0.5) * frame.preprocessing.size / side * length / fitted
        far.append(np.clip(np.minimum(pixels - start, stop - pixels), 0, None))
    return np.outer(*far).astype(np.float32)
