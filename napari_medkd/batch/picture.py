"""Small and large pictures of an image with the outlines of its mask, as a reader of images expects them."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import ndimage

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Geometry
    from napari_medkd.core.volume import Volume

# Bright, and told apart by people who see colours differently (after Okabe and Ito).
_COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167)], np.uint8
)
_OPACITY = 0.25
_JPEG_QUALITY = 85


def most_of(labels: NDArray[Any], axis: int) -> Plane:
    """Return the slice on which most of a mask is; the middle one where it is empty."""
    if labels.shape[axis] == 1:
        return Plane(axis, 0)
    counts = [np.count_nonzero(labels[Plane(axis, i).slicing()]) for i in range(labels.shape[axis])]
    return Plane(axis, int(np.argmax(counts)) if any(counts) else labels.shape[axis] // 2)


def colour_of(label: int) -> str:
    """Return the colour of a class in pictures as six hexadecimal digits."""
    return bytes(_COLOURS[(label - 1) % len(_COLOURS)]).hex()


def draw(volume: Volume, labels: NDArray[Any], plane: Plane, side: int) -> Image.Image:
    """Draw a slice with the outlines of the classes on it.

    Millimetres are square, and an image of a patient lies as the viewer shows it: head or front up, the
    patient's left on the right.

    Parameters
    ----------
    volume : Volume
        The image.
    labels : ndarray (z, y, x)
        Its mask.
    plane : Plane
        Which slice.
    side : int
        Pixels of the longer side of the picture, at most twice the slice's own.
    """
    # A slice of 20,000 px is not brought to memory as a whole.
    every = slice(None, None, max(1, max(plane.shape(volume.shape)) // (2 * side)))
    values, mask = volume.part(plane, every, every), labels[plane.slicing()][every, every]
    seen = values if volume.is_rgb and values.dtype == np.uint8 else volume.window.to_uint8(values)
    size = _size(mask.shape, volume.geometry.plane_spacing(plane), side)
    # The gap makes a large picture smaller quickly first; grey becomes colour when it is small.
    small = Image.fromarray(seen).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
    shown = np.array(small.convert("RGB"))
    plain = mask if mask.dtype == np.uint8 else mask.astype(np.int32)
    classes = np.asarray(Image.fromarray(plain).resize(size, Image.Resampling.NEAREST))
    _tint(shown, classes)
    flipped = shown[_as_viewed(volume.geometry, plane)]
    return Image.fromarray(np.ascontiguousarray(flipped))


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture as JPEG, whole or not at all."""
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A PNG of an overlay took longer than a small model took for its mask.
        picture.save(temporary, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f'The picture "{path.name}" could not be written: {error.strerror or error}.',
            "Check that the folder can be written and that the disk has space.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _tint(picture: NDArray[np.uint8], classes: NDArray[Any]) -> None:
    """Tint what belongs to a class and draw its outline, in place."""
    for label in np.unique(classes[classes > 0]).tolist():
        colour = _COLOURS[(label - 1) % len(_COLOURS)]
        mask = classes == label
        inner = ndimage.binary_erosion(mask, iterations=max(1, max(mask.shape) // 400), border_value=1)
        tinted = (1 - _OPACITY) * picture[mask] + _OPACITY * colour.astype(np.float32)
        picture[mask] = np.round(tinted).astype(np.uint8)
        picture[mask & ~inner] = colour


def _size(shape: tuple[int, ...], spacing: tuple[float, float], side: int) -> tuple[int, int]:
    """Return (width, height) of the picture, with square millimetres."""
    rows, columns = (length * mm for length, mm in zip(shape, spacing, strict=True))
    longest = min(side, 2 * max(shape))
    scale = longest / max(rows, columns)
    return max(1, round(columns * scale)), max(1, round(rows * scale))


def _as_viewed(geometry: Geometry, plane: Plane) -> tuple[slice, slice]:
    """Return what turns rows and columns as the viewer does."""
    if not geometry.from_file:
        return slice(None), slice(None)
    signs = np.diag(geometry.display_affine())
    rows, columns = (slice(None, None, -1 if signs[axis] < 0 else 1) for axis in plane.in_plane)
    return rows, columns
