"""From a prompt on a slice to the tokens and the mask that SAM's prompt encoder takes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
from skimage.draw import polygon2mask

from napari_medkd.core.prompts import Box
from napari_medkd.errors import InvalidPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt, Stroke
    from napari_medkd.inference.preprocess import Frame
    from napari_medkd.inference.segmenter import Seen
    from napari_medkd.inference.zoom import Crop
    from napari_medkd.models.card import ModelCard

_SCRIBBLE_POINTS = 8  # SAM was trained with a handful of points; more of them make it worse, not better
_SURE = 10.0  # logit of a pixel that the user painted or erased: a probability of 0.99995
_COVERED = 0.25  # share of a logit's pixels that must be painted, so that a thin stroke is not lost
_NAMES = {"point": "points", "box": "boxes", "scribble": "scribbles", "lasso": "lassos", "mask": "painting"}
_BY_ITSELF = "Let it suggest what it finds, or choose another model."
_PADDING, _OUTSIDE, _INSIDE, _TOP_LEFT, _BOTTOM_RIGHT = -1, 0, 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A prompt in the network's words.

    Parameters
    ----------
    coordinates : ndarray (1, N, 2) float32
        (x, y) in the prompt frame.
    labels : ndarray (1, N) float32
        1 inside, 0 outside, 2 and 3 the corners of a box, -1 padding.
    mask : ndarray (1, 1, 4g, 4g) float32 or None
        Logits that the answer should start from.
    """

    coordinates: NDArray[np.float32]
    labels: NDArray[np.float32]
    mask: NDArray[np.float32] | None

    @property
    def is_unclear(self) -> bool:
        """True for a single point and nothing else: a part, a whole or something between may be meant."""
        return self.mask is None and int((self.labels >= _OUTSIDE).sum()) == 1


def check_prompt(prompt: Prompt, shape: tuple[int, int], card: ModelCard) -> None:
    """Raise `InvalidPrompt` where the model cannot answer `prompt` on a slice of `shape`.

    Painted pixels need no capability beside another prompt: they are put into the answer.
    """
    prompt.check(shape)
    kinds = prompt.kinds
    if len(kinds) > 1:
        kinds -= {"mask"}
    if not kinds:
        raise InvalidPrompt("Nothing was marked.", f"{card.title} takes {_taken(card)}.")
    unknown = sorted(kinds - card.capabilities)
    if unknown:
        raise InvalidPrompt(
            f"{card.title} does not understand {_listed([_NAMES[kind] for kind in unknown])}; "
            f"it takes {_taken(card)}.",
            "Use one of these, or choose another model." if card.needs_prompt else _BY_ITSELF,
        )


def to_tokens(prompt: Prompt, frame: Frame, side: int, previous: Seen | None, with_mask: bool) -> Tokens:
    """Turn `prompt` into tokens.

    Points outside the view of `frame` say nothing about what is seen in it and are left out.

    Parameters
    ----------
    side : int
        Rows and columns of the network's mask prompt.
    previous : Seen or None
        The candidate that the user sees.
    with_mask : bool
        Whether the model understands a mask.
    """
    positions, signs = marked_points(prompt, frame.view)
    labels = [_INSIDE if sign > 0 else _OUTSIDE for sign in signs]
    box = _box(prompt)
    if box is None:
        positions.append((0.0, 0.0))
        labels.append(_PADDING)
    else:
        view = frame.view
        positions += [
            (max(box.top, view.top), max(box.left, view.left)),
            (min(box.bottom, view.bottom - 1), min(box.right, view.right - 1)),
        ]
        labels += [_TOP_LEFT, _BOTTOM_RIGHT]
    coordinates = frame.to_prompt(np.array(positions))
    coordinates[np.array(labels) == _PADDING] = 0
    mask = _mask(prompt, frame, side, previous) if with_mask else None
    return Tokens(coordinates[np.newaxis], np.array([labels], np.float32), mask)


def swap_corners(coordinates: NDArray[np.float32], labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (1, N, 2) mirrored coordinates with a box's left corner first again; the rest as it is."""
    first, last = (np.flatnonzero(labels[0] == corner) for corner in (_TOP_LEFT, _BOTTOM_RIGHT))
    swapped = coordinates.copy()
    swapped[0, first, 0], swapped[0, last, 0] = coordinates[0, last, 0], coordinates[0, first, 0]
    return swapped


def marked_points(prompt: Prompt, view: Crop) -> tuple[list[tuple[float, float]], list[int]]:
    """Return (row, column) of the clicks in a view and of points along the strokes, and 1 or -1 for each."""
    positions = [(point.row, point.column) for point in prompt.points]
    signs = [1 if point.positive else -1 for point in prompt.points]
    for positive in (True, False):
        strokes = [stroke for stroke in prompt.scribbles if stroke.positive is positive]
        sampled = _sample(strokes)
        positions += sampled
        signs += [1 if positive else -1] * len(sampled)
    seen = view.contains(np.array(positions, np.float64).reshape(-1, 2))
    return list(compress(positions, seen)), list(compress(signs, seen))


def _sample(strokes: Sequence[Stroke]) -> list[tuple[float, float]]:
    """Spread at most `_SCRIBBLE_POINTS` points evenly over the strokes, at least one on each of the first."""
    strokes = [stroke for stroke in strokes if stroke.path][:_SCRIBBLE_POINTS]
    lengths = np.array([_lengths(stroke)[-1] for stroke in strokes])
    sampled: list[tuple[float, float]] = []
    spare = _SCRIBBLE_POINTS - len(strokes)
    for stroke, length in zip(strokes, lengths, strict=True):
        count = 1 + (int(spare * length / lengths.sum()) if length > 0 else 0)
        along = _lengths(stroke)
        at = (np.arange(count) + 0.5) * along[-1] / count
        path = np.asarray(stroke.path, np.float64)
        rows, columns = (np.interp(at, along, path[:, axis]) for axis in (0, 1))
        sampled += [(float(row), float(column)) for row, column in zip(rows, columns, strict=True)]
    return sampled


def _lengths(stroke: Stroke) -> NDArray[np.float64]:
    """Return how far along the stroke each of its points lies, in pixels."""
    steps = np.hypot(*np.diff(np.asarray(stroke.path, np.float64), axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _box(prompt: Prompt) -> Box | None:
    """Return the box, or else the one around the lasso."""
    if prompt.box is not None or prompt.lasso is None:
        return prompt.box
    path = np.asarray(prompt.lasso.path)
    return Box.between(path.min(axis=0), path.max(axis=0))


def _mask(prompt: Prompt, frame: Frame, side: int, previous: Seen | None) -> NDArray[np.float32] | None:
    """Return the previous logits with what the user painted pushed to certainty."""
    logits = previous.within(frame, side) if previous is not None else None
    if logits is None and prompt.lasso is not None:
        inside: NDArray[np.bool_] = polygon2mask(frame.shape, np.asarray(prompt.lasso.path))  # type: ignore[no-untyped-call]
        logits = np.where(frame.to_low_resolution(inside, side) > 0.5, _SURE, -_SURE)
    if prompt.edits is not None:
        values = prompt.edits.values
        logits = np.full((side, side), -_SURE) if logits is None else logits
        logits = np.where(frame.to_low_resolution(values > 0, side) > _COVERED, _SURE, logits)
        logits = np.where(frame.to_low_resolution(values < 0, side) > _COVERED, -_SURE, logits)
    return None if logits is None else np.asarray(logits, np.float32)[np.newaxis, np.newaxis]


def _taken(card: ModelCard) -> str:
    return _listed([name for kind, name in _NAMES.items() if kind in card.capabilities]) or "no prompts"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
