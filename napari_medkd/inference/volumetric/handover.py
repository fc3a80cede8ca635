"""From where an object is taken to be on a slice to the prompt that asks the model for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.core.robot import first_box
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference import zoom
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.segmenter import Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.models.card import ModelCard

    Mask = NDArray[np.bool_]

_POINTS = 3  # parts of an object that get a point each; one box holds them all
SURE = 8.0  # logit of a pixel that belongs to a mask: as sure as models are of their own
_SPECK = 0.1  # of the largest part: smaller parts of a mask say nothing about the next slice


@dataclass(frozen=True, slots=True)
class HandOver:
    """Makes prompts out of masks, of the kinds that a model understands.

    A box around all of the object and a point in each of its parts: so an object that falls apart, or whose
    parts grow together, is asked for as one. The box leaves no room: models take a box for tight, fill a
    looser one, and with a pixel of room on each slice an object that tapers off never would (measured). The
    mask itself goes along only for models that were trained to take one over: those trained on corrections
    of one slice stick to it where the next slice differs, and do worse with it than without (measured).

    Parameters
    ----------
    box, point, mask : bool
        What the model is told.
    """

    box: bool
    point: bool
    mask: bool = False

    @classmethod
    def to(cls, card: ModelCard) -> HandOver:
        """Return the hand-over to a model; one that takes neither boxes nor points is an `InvalidPrompt`."""
        takes = card.capabilities
        if not takes & {"box", "point"}:
            raise InvalidPrompt(
                f"{card.title} takes neither boxes nor points, so no slice can prompt the next one.",
                "Choose a model that does.",
            )
        return cls("box" in takes, "point" in takes, card.architecture.handed)

    def prompt(self, plane: Plane, mask: Mask) -> Prompt:
        """Return what to ask on `plane`, where the object is taken to be a `mask` that is not empty."""
        parts = main_parts(mask)
        prompt = Prompt(plane)
        if self.box:
            prompt = prompt.with_box(first_box(parts > 0))
        if self.point:
            for number in range(1, min(int(parts.max()), _POINTS) + 1):
                prompt = prompt.with_point(deepest(parts == number))
        return prompt


def seen_of(mask: Mask, card: ModelCard) -> Seen:
    """Return a (rows, columns) mask that is not empty as the logits that a model would see behind it."""
    shape = (mask.shape[0], mask.shape[1])
    crop = zoom.choose(zoom.Extent.of_mask(mask), shape) if card.architecture.zoom else None
    frame = Frame(shape, card.preprocessing, crop)
    share = frame.to_low_resolution(mask, 4 * card.architecture.grid)
    return Seen(np.asarray(SURE * (2 * share - 1), np.float32), frame)


def main_parts(mask: Mask) -> NDArray[np.int32]:
    """Number the connected parts of a mask, the largest first; specks beside it are 0."""
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    numbers = np.zeros(count + 1, np.int32)
    kept = order[sizes[order] >= _SPECK * sizes.max(initial=0)]
    numbers[kept + 1] = np.arange(1, kept.size + 1)
    numbered: NDArray[np.int32] = numbers[parts]
    return numbered


def deepest(mask: Mask) -> Point:
    """Return the pixel of a mask that is furthest from its outside."""
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    depth = ndimage.distance_transform_edt(np.pad(mask[box], 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return Point(float(row + box[0].start), float(column + box[1].start))
