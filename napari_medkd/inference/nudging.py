"""Clicks and strokes that change a mask only near where they are, without asking a network.

A network that was asked what is wrong with a tree of vessels, or with all of something at once, answers for
the whole of it and hardly for the place. So the log odds around the click are moved until it is heeded, by
less and less further away. What was nearly found there comes with it, along a faint vessel for example, and
what is clearly something else stays. How far that reaches goes by how thick the object is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_medkd.inference.prompting import marked_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.inference.preprocess import Frame

_HEEDED = 1.0  # log odds at a click, at least: a probability of 0.73
_REACH = 2.0  # times half the width of the object where it is thickest
_NEAR, _FAR = 0.02, 0.08  # of the view's longer side, between which the reach lies
_ENDS = 5.0  # reaches from a click at which nothing is changed any more
_LOOKED_AT = 512  # logits of a side are enough to tell how thick an object is
_LEAST = 0.4  # logits: two clicks in one of them cannot both be heeded
_ROUNDS = 3  # a later click may undo what an earlier one did


def nudged(logits: NDArray[np.float32], frame: Frame, prompt: Prompt) -> NDArray[np.float32]:
    """Return logits (h, h) of a view that heed every click and stroke of a prompt that lies in it.

    Where they do already, nothing is changed.
    """
    places, signs = _places(frame, prompt, len(logits))
    reach, apart = _reach(logits, frame), _apart(places, signs)
    heeded = logits.astype(np.float32)
    for number in range(_ROUNDS):
        # At first each click keeps away from earlier ones alone: what these brought is not taken back by it.
        # Then whatever was undone after all is mended, ever more narrowly.
        others = np.where(np.tri(len(places), k=-1), apart, np.inf) if number == 0 else apart
        room = np.maximum(others.min(axis=1, initial=np.inf) / (2 + 2 * number), _LEAST)
        for place, sign, width in zip(places, signs, np.minimum(reach, room), strict=True):
            lacking = _HEEDED - sign * _at(heeded, place)
            if lacking > 0:
                _add(heeded, place, width, sign * lacking)
    return heeded


def _places(frame: Frame, prompt: Prompt, side: int) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Return (N, 2) where the clicks lie among (side, side) logits, and what they say: 1 or -1."""
    positions, signs = marked_points(prompt, frame.view)
    view, fitted = frame.view, np.array(frame.fitted)
    pixels = np.array(positions, np.float64).reshape(-1, 2) - (view.top, view.left) + 0.5
    cells = pixels / view.shape * fitted * side / frame.preprocessing.size - 0.5
    return np.clip(cells, 0, side - 1), np.array(signs, np.int_)


def _apart(places: NDArray[np.float64], signs: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return (N, N) how far each click is from each that says the opposite, in logits; else infinite."""
    apart: NDArray[np.float64] = np.linalg.norm(places[:, None] - places[None], axis=2)
    apart[signs[:, None] == signs[None]] = np.inf
    return apart


def _reach(logits: NDArray[np.float32], frame: Frame) -> float:
    """Return how far a click is heard, in logits."""
    longer = max(frame.fitted) * len(logits) / frame.preprocessing.size
    step = -(-len(logits) // _LOOKED_AT)
    inside = np.pad(logits[::step, ::step] > 0, 1)
    thick = step * float(ndimage.distance_transform_edt(inside).max())
    return float(np.clip(_REACH * thick, _NEAR * longer, _FAR * longer))


def _at(logits: NDArray[np.float32], place: NDArray[np.float64]) -> float:
    """Return the log odds between (side, side) logits, as they are interpolated."""
    first = np.clip(place.astype(int), 0, len(logits) - 2)
    down, across = place - first
    around = logits[first[0] : first[0] + 2, first[1] : first[1] + 2]
    return float(np.array([1 - down, down]) @ around @ np.array([1 - across, across]))


def _add(logits: NDArray[np.float32], place: NDArray[np.float64], reach: float, most: float) -> None:
    """Add `most` at a place, and less and less around it like a bell of width `reach`; beyond it nothing."""
    starts = np.clip(np.floor(place - _ENDS * reach), 0, None).astype(int)
    stops = np.clip(np.ceil(place + _ENDS * reach) + 1, None, len(logits)).astype(int)
    rows, columns = (
        np.exp(-0.5 * ((np.arange(start, stop) - centre) / reach) ** 2)
        for start, stop, centre in zip(starts, stops, place, strict=True)
    )
    near = slice(starts[0], stops[0]), slice(starts[1], stops[1])
    logits[near] += (most * np.outer(rows, columns)).astype(np.float32)
