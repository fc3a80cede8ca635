"""The rule that our own is compared with: the box of the last mask and a few pixels, and nothing else.

As LiteMedSAM's authors follow an object through a volume from the box on one slice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.inference.volumetric import Found, Reach, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter

_SPARE = 3  # pixels around the last mask


def follow_box(
    volume: Volume,
    segmenter: Segmenter,
    axis: int,
    start: int,
    mask: NDArray[np.bool_],
    reach: Reach | None = None,
) -> Iterator[Found]:
    """Follow an object from one slice both ways until nothing is found, or to the ends of the range."""
    for stretch in stretches([start], (reach or Reach()).within(volume.shape[axis])):
        last = mask
        for index in stretch.indices:
            plane = Plane(axis, index)
            prompt = Prompt(plane, box=_around(last))
            answer = segmenter.predict(segmenter.embed(volume, plane), prompt)
            last = answer.masks[0]
            if not last.any():
                break
            yield Found(plane, last, answer.scores[0])


def _around(mask: NDArray[np.bool_]) -> Box:
    tight, last = Box.around(mask), np.array(mask.shape) - 1.0
    return Box(
        max(tight.top - _SPARE, 0.0),
        max(tight.left - _SPARE, 0.0),
        min(tight.bottom + _SPARE, float(last[0])),
        min(tight.right + _SPARE, float(last[1])),
    )
