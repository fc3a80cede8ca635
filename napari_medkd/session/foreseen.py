"""The answer to a prompt that is likely to come: worked out while the finger is still on the button."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.inference.segmenter import Embedding, Prediction, Seen


@dataclass(frozen=True, slots=True, eq=False)
class Foreseen:
    """What was asked, and what came of it.

    Parameters
    ----------
    key : tuple of str
        Names the slice, as the model sees it.
    prompt : Prompt
        What was asked.
    previous : Seen or None
        What was given back to the model with it.
    prediction : Prediction
        The answer.
    """

    key: tuple[str, ...]
    prompt: Prompt
    previous: Seen | None
    prediction: Prediction

    def answers(self, embedding: Embedding, prompt: Prompt, previous: Seen | None) -> bool:
        """Tell whether the model would be asked the very same once more."""
        return self.key == embedding.key and self.prompt == prompt and _same(self.previous, previous)


def _same(one: Seen | None, other: Seen | None) -> bool:
    if one is None or other is None:
        return one is other
    return (
        one.frame == other.frame
        and one.modality == other.modality
        and np.array_equal(one.logits, other.logits)
    )
