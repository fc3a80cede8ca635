"""What a model said of one object of a slice, small enough to keep by the thousand, cut at any threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.inference.preprocess import Frame
    from napari_medkd.inference.segmenter import Prediction

_HOPELESS = -6.0  # log odds of 0.0025: no threshold that anybody asks for reaches so low
_LARGEST_HALF = 6e4  # float16 ends at 65504


class Unit(Enum):
    """What is one object in a model's answer about a slice."""

    OBJECT = "The whole answer"
    PART = "Each connected part"
    TARGET = "All parts on all slices together"


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Part of a (rows, columns) mask: the pixels of its bounding box, whose first one is `corner`."""

    corner: tuple[int, int]
    pixels: NDArray[np.bool_]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> Piece | None:
        """Cut a mask, whose own first pixel is `corner`, down to what is true; None where nothing is."""
        rows = np.flatnonzero(mask.any(axis=1))
        if not rows.size:
            return None
        band = mask[rows[0] : rows[-1] + 1]
        columns = np.flatnonzero(band.any(axis=0))
        pixels = band[:, columns[0] : columns[-1] + 1].copy()
        return cls((corner[0] + int(rows[0]), corner[1] + int(columns[0])), pixels)

    @classmethod
    def joined(cls, pieces: Sequence[Piece]) -> Piece:
        """Put pieces of a slice together."""
        edges = np.array([(one.window[0].start, one.window[1].start) for one in pieces])
        ends = np.array([(one.window[0].stop, one.window[1].stop) for one in pieces])
        top, left = map(int, edges.min(axis=0))
        pixels = np.zeros(ends.max(axis=0) - (top, left), np.bool_)
        for one in pieces:
            rows, columns = one.window
            pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] |= (
                one.pixels
            )
        return cls((top, left), pixels)

    @property
    def window(self) -> tuple[slice, slice]:
        """Where it lies in the slice."""
        (top, left), (height, width) = self.corner, self.pixels.shape
        return slice(top, top + height), slice(left, left + width)

    @property
    def count(self) -> int:
        """How many pixels it holds."""
        return int(np.count_nonzero(self.pixels))

    def shared(self, other: Piece) -> int:
        """Return how many pixels both hold."""
        (top, left), (bottom, right) = self._bounds()
        (their_top, their_left), (their_bottom, their_right) = other._bounds()
        first = max(top, their_top), max(left, their_left)
        last = min(bottom, their_bottom), min(right, their_right)
        if first[0] >= last[0] or first[1] >= last[1]:
            return 0
        mine, theirs = (
            one.pixels[
                first[0] - one.corner[0] : last[0] - one.corner[0],
                first[1] - one.corner[1] : last[1] - one.corner[1],
            ]
            for one in (self, other)
        )
        return int(np.count_nonzero(mine & theirs))

    def whole(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the mask of a slice of `shape` (rows, columns)."""
        mask = np.zeros(shape, np.bool_)
        mask[self.window] = self.pixels
        return mask

    def _bounds(self) -> tuple[tuple[int, int], tuple[int, int]]:
        (top, left), (height, width) = self.corner, self.pixels.shape
        return (top, left), (top + height, left + width)


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """The logits of one answer, cut down to where they say anything.

    Parameters
    ----------
    prompt : Prompt
        What was asked on which slice; empty where the model answered by itself.
    name : str
        What it shows, in the words of the model's card; empty where nobody knows.
    unit : Unit
        What is one object in it.
    score : float
        The overlap that the model expects, 0 to 1.
    threshold : float
        Probability above which a pixel belongs to it, unless somebody says.
    logits : ndarray (h, w) float16
        Log odds; outside of them nothing is likely.
    corner : tuple of int
        Where they lie in the answer, (row, column).
    side : int
        Rows and columns of the whole answer.
    frame : Frame
        Which part of the slice the answer is of.
    model_id : str
        Who answered.
    modality : str
        The kind of image that the slice was taken for; empty for a model that does not tell kinds apart.
    """

    prompt: Prompt
    name: str
    unit: Unit
    score: float
    threshold: float
    logits: NDArray[np.float16]
    corner: tuple[int, int]
    side: int
    frame: Frame
    model_id: str
    modality: str = ""

    @classmethod
    def of(
        cls, prediction: Prediction, choice: int = 0, unit: Unit = Unit.OBJECT, threshold: float = 0.5
    ) -> Cutout:
        """Keep one of an answer's candidates."""
        logits = prediction.logits[choice]
        likely = Piece.of(logits > _HOPELESS)
        corner, window = ((0, 0), (slice(0), slice(0))) if likely is None else (likely.corner, likely.window)
        kept = np.clip(logits[window], -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
        return cls(
            prediction.prompt,
            prediction.names[choice] if prediction.names else "",
            unit,
            prediction.scores[choice],
            threshold,
            kept,
            corner,
            len(logits),
            prediction.frame,
            prediction.model_id,
            prediction.modality,
        )

    @property
    def answer(self) -> NDArray[np.float32]:
        """The whole answer's logits, (side, side)."""
        logits = np.full((self.side, self.side), 2 * _HOPELESS, np.float32)
        height, width = self.logits.shape
        top, left = self.corner
        logits[top : top + height, left : left + width] = self.logits
        return logits

    @property
    def plane(self) -> Plane:
        """The slice."""
        return self.prompt.plane

    def at(self, level: float) -> Piece | None:
        """Return the pixels of the slice whose log odds exceed `level`; None where there are none."""
        view = self.frame.view
        alone = replace(self.frame, shape=view.shape, crop=None)  # a crop costs what it costs, not its slice
        return Piece.of(alone.to_mask(self.answer, level), (view.top, view.left))

    @property
    def nbytes(self) -> int:
        """Memory it takes, about."""
        return self.logits.nbytes + 256
