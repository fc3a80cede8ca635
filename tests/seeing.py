"""A model that sees brightness in a network of 64 by 64 pixels: it works by itself, or is asked at points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.prompts import Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.inference.automatic import at_threshold, chosen_targets
from napari_medkd.inference.segmenter import Embedding, Prediction
from napari_medkd.models.card import Preprocessing, Target
from tests.doubles import PROMPTS, ThresholdSegmenter

SIDE = 64
AUTO = frozenset({"auto"})


class Seeing(ThresholdSegmenter):
    """Log odds of 0 at a grey value of 128, and 1 for every 16 more; `targets` are all what is bright.

    `kinds` is what its router says of every slice.
    """

    def __init__(
        self,
        capabilities: frozenset[str] = AUTO | PROMPTS,
        targets: tuple[Target, ...] = (Target(name="nucleus"),),
        kinds: dict[str, float] | None = None,
        id: str = "seeing",
    ):
        super().__init__(capabilities=capabilities, id=id)
        kinds = kinds or {}
        architecture = self.card.architecture.model_copy(update={"kinds": tuple(kinds)})
        self.kinds = kinds
        self.card = self.card.model_copy(
            update={
                "preprocessing": Preprocessing(size=SIDE),
                "architecture": architecture,
                "targets": targets if "auto" in capabilities else (),
            }
        )

    def predict(
        self, embedding: Embedding, prompt: Prompt, previous: object = None, *, quick: bool = False
    ) -> Prediction:
        answer = super().predict(embedding, prompt, previous, quick=quick)
        rows, columns = embedding.frame.shape
        seen = [_padded(one[:rows, :columns], embedding) for one in answer.logits]
        return replace(answer, logits=np.stack(seen))

    def propose(self, embedding: Embedding, modality: str = "") -> list[Prediction]:
        self._fail()
        kind = modality or next(iter(self.kinds), "")
        logits = _padded((embedding.features.astype(np.float32) - 128) / 16, embedding)[np.newaxis]
        found = []
        for index in chosen_targets(self.card, kind):
            target = self.card.targets[index]
            bare = Prediction(
                Prompt(embedding.plane),
                (),
                (),
                logits,
                self.card.id,
                embedding.frame,
                (target.name,),
                kind,
                target.joined,
            )
            found.append(at_threshold(bare, target.threshold))
        return found

    def modality_of(self, embedding: Embedding) -> dict[str, float]:
        return self.kinds


def nuclei() -> Volume:
    """Five slices of (48, 64): two bright discs on slices 1 to 3, and a faint one on slice 2 alone."""
    rows, columns = np.mgrid[:48, :64]
    data = np.full((5, 48, 64), 20, np.uint8)
    for row, column, grey, slices in (
        (12, 12, 220, (1, 2, 3)),
        (30, 44, 200, (1, 2, 3)),
        (36, 12, 150, (2,)),
    ):
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= 36
        for index in slices:
            data[index][disc] = grey
    geometry = Geometry.image(data.shape, (3.0, 0.5, 0.5))
    return Volume(data, geometry, "GRAY", Window(0.0, 255.0), "nuclei")


def _padded(logits: np.ndarray, embedding: Embedding) -> np.ndarray:
    full = np.full((SIDE, SIDE), -8, np.float32)
    rows, columns = embedding.frame.fitted
    full[:rows, :columns] = logits
    return full
