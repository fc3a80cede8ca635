"""A model asked on behalf of a person, every one of whose clicks is heeded.

A network answers a click for the object as a whole, and about one correcting click in four stays without
effect at its own place (docs/recipes/esp-medsam.md). A person takes that for a fault. What asks a model on
its own account, as a walk through a volume does, goes to `Segmenter.predict` itself: there a model may say
that there is nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.inference import automatic
from napari_medkd.inference.nudging import nudged
from napari_medkd.inference.prompting import check_prompt
from napari_medkd.inference.segmenter import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.inference.segmenter import Embedding, Seen, Segmenter


def ask(
    segmenter: Segmenter,
    embedding: Embedding,
    prompt: Prompt,
    previous: Seen | None = None,
    *,
    quick: bool = False,
) -> Prediction:
    """Answer as `Segmenter.predict` does, and heed every click where anything was found.

    A click or a stroke on a target that was found as one object, or on what a model of several kinds found by
    itself, changes it there alone; no network is asked. A `quick` answer is left as it is.
    """
    if previous is not None and _is_local(segmenter, prompt, previous):
        check_prompt(prompt, embedding.frame.shape, segmenter.card)
        return _changed(segmenter, prompt, previous)
    answer = segmenter.predict(embedding, prompt, previous, quick=quick)
    return answer if quick else _heeding(answer)


def _is_local(segmenter: Segmenter, prompt: Prompt, previous: Seen) -> bool:
    is_own_find = bool(segmenter.card.architecture.kinds) and bool(previous.modality)
    return previous.is_local(prompt) or (is_own_find and prompt.only_marks)


def _changed(segmenter: Segmenter, prompt: Prompt, previous: Seen) -> Prediction:
    """Change a mask, whoever made it, near the clicks and the strokes.

    All that was found of a target is kept as it was found, so that a click can be moved or taken away again.
    """
    frame = previous.frame
    logits = nudged(previous.logits, frame, prompt)
    mask = frame.to_mask(logits)
    if prompt.edits is not None:
        mask = prompt.edits.apply(mask)
    score = automatic.expected_overlap(automatic.seen(logits, frame))
    card = segmenter.card
    kind = previous.modality if previous.modality in card.architecture.kinds else ""
    kept = previous.logits if previous.joined else logits
    return Prediction(prompt, (mask,), (score,), kept[None], card.id, frame, (), kind, previous.joined)


def _heeding(answer: Prediction) -> Prediction:
    """Return an answer whose masks say at each click what it says; an empty one stays empty."""
    clicks = replace(answer.prompt, scribbles=())  # a stroke is drawn with less care than a click
    masks, logits = list(answer.masks), answer.logits
    for index, mask in enumerate(answer.masks):
        if mask.any() and not _says(mask, clicks):
            logits = logits.copy() if logits is answer.logits else logits
            logits[index] = nudged(logits[index], answer.frame, clicks)
            changed = answer.frame.to_mask(logits[index])
            masks[index] = clicks.edits.apply(changed) if clicks.edits is not None else changed
    return answer if logits is answer.logits else replace(answer, masks=tuple(masks), logits=logits)


def _says(mask: NDArray[np.bool_], prompt: Prompt) -> bool:
    """Tell whether a mask says at each click what it says."""
    last = np.array(mask.shape) - 1
    for point in prompt.points:
        row, column = np.clip(np.rint([point.row, point.column]).astype(int), 0, last)
        if bool(mask[row, column]) is not point.positive:
            return False
    return True
