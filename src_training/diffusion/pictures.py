"""Training pictures as small squares, and small squares as pictures of the training's proportions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from src_training.pictures import Picture

_GAP = 2  # pixels between the pictures of a sheet


def squares(pictures: Sequence[Picture], size: int) -> NDArray[np.uint8]:
    """Stretch whole pictures to squares: (N, size, size, C); C is 1 where all are grey, else 3."""
    grey = all(_is_grey(picture.image) for picture in pictures)
    small = [_resized(picture.image, (size, size), Image.Resampling.BOX) for picture in pictures]
    stacked = np.stack(small)
    return stacked[..., :1] if grey else stacked


def restored(square: NDArray[np.uint8], like: tuple[int, int], longest: int) -> NDArray[np.uint8]:
    """Bring a square (s, s, C) to the proportions of `like` (rows, columns): (rows, columns, 3) uint8.

    Its longer side gets `longest` pixels.
    """
    rows, columns = (max(1, round(side * longest / max(like))) for side in like)
    image = np.repeat(square, 3, axis=2) if square.shape[2] == 1 else square
    return _resized(np.ascontiguousarray(image), (columns, rows), Image.Resampling.BICUBIC)


def sheet(images: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Lay small pictures (s, s, C) of one size out in rows of `columns`: (rows, columns, 3) uint8."""
    side = images[0].shape[0]
    rows = -(-len(images) // columns)
    laid = np.full((rows * (side + _GAP) - _GAP, columns * (side + _GAP) - _GAP, 3), 255, np.uint8)
    for number, image in enumerate(images):
        top, left = (place * (side + _GAP) for place in divmod(number, columns))
        laid[top : top + side, left : left + side] = image
    return laid


def proportions(pictures: Sequence[Picture], rng: Generator) -> tuple[int, int]:
    """Return (rows, columns) of a picture that is drawn from `pictures`."""
    rows, columns = pictures[int(rng.integers(len(pictures)))].objects.shape
    return rows, columns


def _is_grey(image: NDArray[np.uint8]) -> bool:
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all())


def _resized(image: NDArray[np.uint8], size: tuple[int, int], how: Image.Resampling) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize(size, how))
