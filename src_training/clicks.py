"""The simulated user inside a training step: from a target and an answer to the next tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.ndimage import binary_dilation, binary_erosion, shift

from napari_medkd.core.geometry import Plane
from napari_medkd.core.robot import first_box, first_point, next_click
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.volumetric import HandOver

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    Mask = NDArray[np.bool_]
    Token = tuple[float, float, int]  # row, column on the target's grid, label

PADDING, OUTSIDE, INSIDE, TOP_LEFT, BOTTOM_RIGHT = -1, 0, 1, 2, 3
_BOX, _SCRIBBLE = 0.35, 0.1  # of an interactive student's objects
_CENTRE = 0.5  # share of clicks in the deepest place; the others are anywhere in the error
_SCRIBBLED = 4
_WORN = 2  # cells of the target's grid
_HAND_OVER = HandOver(box=True, point=True)
_EXACT = 0.5  # share of boxes that touch the object on every side
_MOST_NOISE = 20 / 1024  # of the view's side that an edge of the others may be off (Kirillov et al. 2023)


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Prompts of a batch in the network's words: (P, N, 2) x, y in the prompt frame, and (P, N) labels."""

    coordinates: Tensor
    labels: Tensor

    @property
    def unclear(self) -> Tensor:
        """Which prompts are one point and nothing else, (P,)."""
        return (self.labels != PADDING).sum(1) == 1


class Conversation:
    """What was said about each object so far.

    Parameters
    ----------
    targets : ndarray (P, h, h) bool
        The objects that the user has in mind.
    rng : Generator
        All chance.
    boxes, scribbles : float
        Shares of objects that are first boxed, or scribbled on; the rest is clicked.
    answered : ndarray (P, h, h) bool, optional
        What a model answered that nobody had asked; then the first word is a correction of that.
    beside : ndarray (P, h, h) bool, optional
        The objects on a neighbouring slice; then the first words are what is said of them when an object is
        followed through a volume.
    """

    def __init__(
        self,
        targets: Mask,
        rng: Generator,
        boxes: float = _BOX,
        scribbles: float = _SCRIBBLE,
        answered: Mask | None = None,
        beside: Mask | None = None,
    ) -> None:
        self._targets = targets
        self._rng = rng
        self._shares = boxes, scribbles
        self._said: list[list[Token]]
        if beside is not None:
            self._said = [_handed(mask) for mask in beside]
        elif answered is None:
            self._said = [self._first(target) for target in targets]
        else:
            self._said = [[] for _ in targets]
            self.correct(answered)

    def tokens(self, frame: int) -> Tokens:
        """Return everything that was said, padded to one length, for a prompt frame of `frame` pixels."""
        scale = frame / self._targets.shape[1]
        said = [
            tokens if tokens and tokens[0][2] == TOP_LEFT else [*tokens, (0.0, 0.0, PADDING)]
            for tokens in self._said
        ]
        longest = max(map(len, said))
        array = np.array(
            [tokens + [(0.0, 0.0, PADDING)] * (longest - len(tokens)) for tokens in said], np.float32
        )
        # The centre of a cell in the frame; the network adds the half pixel of the frame itself.
        places = (array[..., 1::-1] + 0.5) * scale - 0.5
        places[array[..., 2] == PADDING] = 0
        return Tokens(torch.from_numpy(places.copy()), torch.from_numpy(array[..., 2].copy()))

    def correct(self, masks: Mask) -> None:
        """Say of each (P, h, h) answer what is wrong with it; nothing where it is right."""
        for tokens, target, mask in zip(self._said, self._targets, masks, strict=True):
            token = self._correction(target, mask)
            if token is not None:
                tokens.append(token)

    def _first(self, target: Mask) -> list[Token]:
        drawn = self._rng.random()
        boxes, scribbles = self._shares
        if drawn < boxes:
            exact = self._rng.random() < _EXACT
            box = first_box(target, None if exact else self._rng, _MOST_NOISE * len(target))
            return [(box.top, box.left, TOP_LEFT), (box.bottom, box.right, BOTTOM_RIGHT)]
        count = _SCRIBBLED if drawn < boxes + scribbles else 1
        centre = count == 1 and self._rng.random() < _CENTRE
        points = [first_point(target, None if centre else self._rng) for _ in range(count)]
        return [(point.row, point.column, INSIDE) for point in points]

    def _correction(self, target: Mask, mask: Mask) -> Token | None:
        if self._rng.random() < _CENTRE:
            point = next_click(target, mask)
            return None if point is None else (point.row, point.column, int(point.positive))
        wrong = target ^ mask
        if not wrong.any():
            return None
        point = first_point(wrong, self._rng)
        inside = bool(target[int(point.row), int(point.column)])
        return point.row, point.column, int(inside)


def _handed(mask: Mask) -> list[Token]:
    """Return the box and the points that a followed object is asked for with."""
    prompt = _HAND_OVER.prompt(Plane(0, 0), mask)
    box, points = prompt.box, [(point.row, point.column, INSIDE) for point in prompt.points]
    assert box is not None
    return [(box.top, box.left, TOP_LEFT), (box.bottom, box.right, BOTTOM_RIGHT), *points]


def worn(masks: Mask, rng: Generator) -> Mask:
    """Return (P, h, h) masks as errors of the slices before leave them: moved, and larger or smaller."""
    return np.stack([_worn(mask, rng) for mask in masks])


def _worn(mask: Mask, rng: Generator) -> Mask:
    down, right, grown = (int(one) for one in rng.integers(-_WORN, _WORN + 1, 3))
    changed = mask
    if grown:
        change = binary_dilation if grown > 0 else binary_erosion
        changed = change(mask, iterations=abs(grown))
    changed = shift(changed, (down, right), order=0, output=np.bool_)
    return changed if changed.any() else mask


def usable(targets: NDArray[np.float32]) -> Mask:
    """Cut (P, h, h) shares at one half; an object too thin for that keeps its fullest cells."""
    masks = targets > 0.5
    for index in np.flatnonzero(~masks.any((1, 2))):
        if targets[index].max() <= 0:
            raise InvalidPrompt("An object without a pixel cannot be prompted.", "Leave it out.")
        masks[index] = targets[index] >= 0.5 * targets[index].max()
    return masks
