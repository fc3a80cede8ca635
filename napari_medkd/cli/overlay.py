"""A picture of one slice with the contour of a mask and the prompts that gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from skimage.measure import find_contours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume

_MASK = (255, 127, 14)
_BOX = (255, 221, 51)
_INSIDE, _OUTSIDE = (44, 200, 80), (230, 50, 60)
_OPACITY = 0.3
_SMALLEST_SIDE = 768  # pixels of the longer side: smaller slices are enlarged so that lines stay fine


def draw_overlay(volume: Volume, prompt: Prompt, mask: NDArray[np.bool_]) -> Image.Image:
    """Draw a slice as stored (x to the right, y down) through its window, with square millimetres.

    Parameters
    ----------
    volume : Volume
        The image.
    prompt : Prompt
        What was said, and on which slice.
    mask : ndarray (rows, columns) bool
        The object.
    """
    picture = volume.slice_uint8(prompt.plane)
    tinted = picture.copy()
    tinted[mask] = np.round((1 - _OPACITY) * picture[mask] + _OPACITY * np.array(_MASK)).astype(np.uint8)
    scale = _scale(mask.shape, volume.geometry.plane_spacing(prompt.plane))
    size = (round(mask.shape[1] * scale[1]), round(mask.shape[0] * scale[0]))
    image = Image.fromarray(tinted).resize(size, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    width = max(2, max(size) // 400)
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):  # type: ignore[no-untyped-call]
        draw.line(_to_picture(contour - 1, scale), fill=_MASK, width=width, joint="curve")
    _draw_prompt(draw, prompt, scale, width)
    return image


def _scale(shape: tuple[int, ...], spacing: tuple[float, float]) -> tuple[float, float]:
    """Return picture pixels per (row, column), so that millimetres are square and lines look fine."""
    rows, columns = (mm / min(spacing) for mm in spacing)
    longest = max(shape[0] * rows, shape[1] * columns)
    zoom = max(1.0, float(np.ceil(_SMALLEST_SIDE / longest)))
    return rows * zoom, columns * zoom


def _to_picture(points: NDArray[np.float64], scale: tuple[float, float]) -> list[tuple[float, float]]:
    """Take (row, column) pixel centres to (x, y) of the picture."""
    return [((column + 0.5) * scale[1], (row + 0.5) * scale[0]) for row, column in points]


def _draw_prompt(draw: ImageDraw.ImageDraw, prompt: Prompt, scale: tuple[float, float], width: int) -> None:
    if prompt.box is not None:
        box = prompt.box
        corners = np.array([[box.top, box.left], [box.bottom, box.right]])
        draw.rectangle(_to_picture(corners, scale), outline=_BOX, width=width)
    for point in prompt.points:
        ((x, y),) = _to_picture(np.array([[point.row, point.column]]), scale)
        radius = 3 * width
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius),
            fill=_INSIDE if point.positive else _OUTSIDE,
            outline=(255, 255, 255),
            width=max(1, width // 2),
        )
