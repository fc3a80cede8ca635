"""Masks drawn on images, for people to compare: outlines in colour, pictures side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TRUTH, ANSWER = (80, 220, 100), (255, 140, 40)  # colours that colour-blind people tell apart by brightness
_GAP = 4  # pixels between two pictures


def outlined(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) grey values with the inner border of a mask drawn on them."""
    drawn = np.ascontiguousarray(image if image.shape[2] == 3 else np.repeat(image, 3, axis=2))
    drawn = drawn.copy() if drawn is image else drawn
    drawn[mask & ~ndimage.binary_erosion(mask, border_value=0)] = colour
    return drawn


def beside(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return pictures of one height side by side."""
    gap = np.full((pictures[0].shape[0], _GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=1)


def below(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return pictures of one width below each other."""
    gap = np.full((_GAP, pictures[0].shape[1], 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=0)


def sized(image: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return a picture brought to `longest` pixels on its longer side."""
    from PIL import Image

    scale = longest / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
