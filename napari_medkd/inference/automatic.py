"""Answers without a prompt: from the logits of each target to a mask at any threshold, and how sure it is.

The logits of an answer stay with it, so that another threshold costs no network.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import InvalidPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.inference.preprocess import Frame
    from napari_medkd.inference.segmenter import Prediction
    from napari_medkd.models.card import ModelCard


def chosen_targets(card: ModelCard, modality: str = "") -> list[int]:
    """Return which masks of an automatic model to look at, for images of `modality`; all where it is empty.

    Raises `InvalidPrompt` where the model needs a prompt or looks for nothing in such images.
    """
    if "auto" not in card.capabilities:
        raise InvalidPrompt(
            f"{card.title} finds nothing without a prompt.",
            "Mark the object, have it asked at many points (--everything, Shift+A), or choose another model.",
        )
    chosen = [
        index
        for index, target in enumerate(card.targets)
        if not modality or target.modality in ("", modality)
    ]
    if not chosen:
        known = sorted({target.modality for target in card.targets})
        raise InvalidPrompt(
            f"{card.title} looks for nothing in images of the modality {modality!r}.",
            f"It knows {', '.join(known)}.",
        )
    return chosen


def at_threshold(prediction: Prediction, threshold: float) -> Prediction:
    """Return an answer without a prompt as it is where a pixel needs another probability.

    Parameters
    ----------
    prediction : Prediction
        What `Segmenter.propose` gave; its logits are log odds.
    threshold : float
        Above 0 and below 1: a pixel whose probability exceeds it belongs to the object.
    """
    level = log_odds(threshold)
    edits, frame = prediction.prompt.edits, prediction.frame
    masks = [frame.to_mask(logits, level) for logits in prediction.logits]
    if edits is not None:
        masks = [edits.apply(mask) for mask in masks]
    scores = tuple(expected_overlap(seen(logits, frame), level) for logits in prediction.logits)
    return replace(prediction, masks=tuple(masks), scores=scores)


def together(predictions: Sequence[Prediction]) -> Prediction:
    """Return the answers of several targets as the candidates of one: those that were found, surest first."""
    order = sorted(predictions, key=lambda one: (bool(one.masks[0].any()), one.scores[0]), reverse=True)
    return replace(
        order[0],
        masks=tuple(one.masks[0] for one in order),
        scores=tuple(one.scores[0] for one in order),
        logits=np.stack([one.logits[0] for one in order]),
        names=tuple(one.names[0] for one in order),
        joined=all(one.joined for one in order),
    )


def log_odds(probability: float) -> float:
    """Return log p / (1 - p); a probability of 0 or 1 is an `InvalidPrompt`."""
    if not 0 < probability < 1:
        raise InvalidPrompt(
            f"The threshold {probability:g} is no probability between 0 and 1.", "Choose one such as 0.5."
        )
    return float(np.log(probability / (1 - probability)))


def expected_overlap(logits: NDArray[np.float32], level: float = 0.0) -> float:
    """Return the intersection over union to expect of the mask `logits` > `level`, 0 to 1.

    The expected pixels of the intersection, divided by those of the union; it is as good as the probabilities
    are. Of an empty mask it is the probability that even the likeliest pixel is no object.
    """
    probability = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
    mask = logits > level
    if not mask.any():
        return float(1 - probability.max())
    inside = probability[mask].sum()
    return float(inside / (mask.sum() + probability.sum() - inside))


def seen(logits: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """Return the part of (h, h) logits that shows the view, without the padding: at least one logit."""
    side, size = len(logits), frame.preprocessing.size
    rows, columns = (max(1, round(fitted * side / size)) for fitted in frame.fitted)
    return logits[:rows, :columns]
