"""A model that finds what is bright, and pictures of bright squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target

if TYPE_CHECKING:
    from pathlib import Path

SIZE, GRID = 64, 16
CUTS = (0.5, 0.8)  # how bright, of 1, what the first and the second target of a model must be


def bright_card(*targets: Target, id: str = "bright") -> ModelCard:
    """Return the card of a model that finds `targets` by itself, or answers boxes where there are none."""
    return ModelCard(
        id=id,
        title="Bright",
        architecture=Architecture(
            encoder="none",
            grid=GRID,
            masks="classes" if targets else "one",
        ),
        preprocessing=Preprocessing(size=SIZE, mean=(0, 0, 0), std=(255, 255, 255)),
        capabilities=frozenset({"auto"} if targets else {"box"}),
        targets=targets,
    )


class BrightRuntime:
    """Averages of 4 × 4 pixels for an encoder; log odds that rise with the brightness for a decoder."""

    name = "numpy"

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.encoded = 0

    def encode(self, image: np.ndarray) -> Any:
        self.encoded += 1
        return (image.reshape(1, 3, GRID, SIZE // GRID, GRID, SIZE // GRID).mean(axis=(3, 5)),)

    def decode(self, features: Any, coordinates: Any, labels: Any, mask: Any) -> Any:
        grey = features[0][0].mean(axis=0).repeat(4, axis=0).repeat(4, axis=1)
        logits = np.stack([(grey - cut) * 40 for cut in CUTS[: self.count]]).astype(np.float32)
        return logits, np.full(self.count, 0.75, np.float32)

    def close(self) -> None:
        pass


def square(size: tuple[int, int] = (64, 64), top: int = 16, left: int = 24, side: int = 16) -> np.ndarray:
    """Return a bright square on black, on whole cells of the model's grid."""
    picture = np.zeros(size, np.uint8)
    picture[top : top + side, left : left + side] = 255
    return picture


def pixels(path: Path) -> np.ndarray:
    """Return the pixels of a picture; one that is cut off is an error."""
    with Image.open(path) as image:
        return np.asarray(image)
