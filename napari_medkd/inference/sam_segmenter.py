"""A segmenter over any network of SAM's shape, whatever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.prompting import check_prompt, to_tokens
from napari_medkd.inference.segmenter import Embedding, Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.runtimes import Runtime
    from napari_medkd.models.card import ModelCard


class SamSegmenter:
    """Slices and prompts in, masks in the slice's own pixels out.

    Parameters
    ----------
    card : ModelCard
        What the model wants and can do.
    runtime : Runtime
        What runs it.
    """

    def __init__(self, card: ModelCard, runtime: Runtime) -> None:
        self._card = card
        self._runtime = runtime

    @property
    def card(self) -> ModelCard:
        """What the model is and can do."""
        return self._card

    @property
    def runtime_name(self) -> str:
        """What runs it, for people."""
        return self._runtime.name

    def embed(self, volume: Volume, plane: Plane) -> Embedding:
        """Encode one slice as it looks through the volume's window."""
        image = volume.slice_uint8(plane)
        frame = Frame((image.shape[0], image.shape[1]), self._card.preprocessing)
        features = self._runtime.encode(frame.to_input(image))
        seen = f"{volume.content_id}:{volume.window.low:g}:{volume.window.high:g}"
        key = (seen, f"{plane.axis}:{plane.index}", self._card.id)
        return Embedding(features, frame, plane, key, int(getattr(features, "nbytes", 0)))

    def predict(
        self, embedding: Embedding, prompt: Prompt, previous: NDArray[np.float32] | None = None
    ) -> Prediction:
        """Answer `prompt`: three candidates for a lone point where the model has them, else one mask.

        A model that was only ever asked for candidates gives three to every prompt.
        """
        frame = embedding.frame
        check_prompt(prompt, frame.shape, self._card)
        side = 4 * self._card.architecture.grid
        tokens = to_tokens(prompt, frame, side, previous, "mask" in self._card.capabilities)
        logits, scores = self._runtime.decode(
            embedding.features, tokens.coordinates, tokens.labels, tokens.mask
        )
        architecture = self._card.architecture
        if len(logits) > 1:
            several = tokens.is_unclear or architecture.masks == "candidates"
            chosen = slice(1, None) if several else slice(0, 1)
            logits, scores = logits[chosen], scores[chosen]
        if architecture.scores == "stability":
            scores = stability(logits)
        order = np.argsort(-scores, kind="stable")
        masks = [frame.to_mask(logits[index]) for index in order]
        if prompt.edits is not None:
            masks = [prompt.edits.apply(mask) for mask in masks]
        kept = tuple(float(np.clip(scores[index], 0, 1)) for index in order)
        return Prediction(prompt, tuple(masks), kept, np.ascontiguousarray(logits[order]), self._card.id)

    def close(self) -> None:
        """Release the runtime; calling twice is harmless."""
        self._runtime.close()


def stability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how alike masks cut a little too high and a little too low are, (M, h, w) → (M,) in 0 to 1.

    SAM's stability score: the overlap of the masks at logits of 1 and of -1.
    """
    strict, lenient = ((logits > threshold).sum(axis=(1, 2)) for threshold in (1.0, -1.0))
    alike: NDArray[np.float32] = (strict / np.maximum(lenient, 1)).astype(np.float32)
    return alike
