"""What one model found by itself, outlined anew by another that answers boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.prompts import Prompt
from napari_medkd.core.robot import first_box
from napari_medkd.inference.volumetric.handover import main_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.inference.segmenter import Prediction

# Weight of the outliner's log odds; the others are the finder's, who alone knows how sure it is that there is
# anything. On validation splits this is as good as the outliner alone (docs/recipes/esp-medsam.md).
_WEIGHT = np.float32(0.7)
_MOST = 4  # parts, the largest ones: more than these are scraps of a single thing that was not found whole

_LEAST = 2  # pixels of a slice's side: a box is no narrower


def outlined(found: Prediction, ask: Callable[[Prompt], Prediction]) -> Prediction:
    """Return what was found with other logits; its mask is still to be cut from them.

    Parts that are far smaller than the largest, and all but the largest few, are left out.

    Parameters
    ----------
    found : Prediction
        One mask, as `Segmenter.propose` gives it.
    ask : callable
        Answers a prompt on the same slice.
    """
    parts = main_parts(found.masks[0])
    count = min(int(parts.max(initial=0)), _MOST)
    if not count or min(parts.shape) < _LEAST:
        return found
    plane, side = found.prompt.plane, found.logits.shape[-1]
    boxes = [first_box(parts == number) for number in range(1, count + 1)]
    answers = [ask(Prompt(plane).with_box(box)) for box in boxes]
    said = [found.frame.from_other(answer.logits[0], answer.frame, side) for answer in answers]
    mixed = _WEIGHT * np.maximum.reduce(said) + (1 - _WEIGHT) * found.logits[0]
    return replace(found, logits=mixed[None])
