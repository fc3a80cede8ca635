"""Pictures: PNG, JPEG, BMP, GIF, TGA, PNM, WebP, JPEG 2000; by Pillow."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.volume import Volume
from napari_medkd.errors import StorageError, UnreadableFile
from napari_medkd.io.file_format import About, Format, register, stem_of
from napari_medkd.io.frames import choose_frame
from napari_medkd.io.memory import check_size
from napari_medkd.io.orientation import upright
from napari_medkd.io.values import eight_bit_colour, grey_if_grey, plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_EXIF_ORIENTATION = 0x0112
_LEVEL = 3  # a mask is small at any level of compression; the usual 6 takes twice the time
_GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


def read(path: Path, *, frame: int | None, series: str | None) -> Volume:
    """Read a picture upright; the images of an animation become slices unless one is chosen."""
    data, header, notes = read_pixels(path, frame)
    volume = Volume.from_array(data, name=stem_of(path))
    return replace(volume, source=path, header=header, notes=notes)


def read_pixels(path: Path, frame: int | None) -> tuple[NDArray[Any], dict[str, Any], tuple[str, ...]]:
    """Return (z, y, x) values or (z, y, x, 3) uint8 colours, the header of the volume, and notes.

    The header of an image with a palette holds its ``"indices"`` (z, y, x): the classes, if it is a mask.
    """
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of sizes beyond 89 megapixels (an error at twice that): not ours
        # to pass on, the pixels are what counts.
        warnings.simplefilter("ignore")
        with _opened(path) as image:
            count = getattr(image, "n_frames", 1)
            chosen, notes = (0, ()) if frame is None else choose_frame(path.name, count, frame, "image")
            wanted = range(count) if frame is None else range(chosen, chosen + 1)
            check_size(path.name, (len(wanted), image.height, image.width, 4), 1)
            data, indices, more = _stack(image, wanted)
    return data, {} if indices is None else {"indices": indices}, (*notes, *more)


def write_png(path: Path, labels: NDArray[np.integer], like: Volume, about: About) -> None:
    """Write the mask of a picture; the grey value of a pixel is its class."""
    from PIL import Image

    if labels.shape[0] != 1:
        raise StorageError(
            f"A PNG holds one slice, this mask has {labels.shape[0]}.", "Save it as .nii.gz, .nrrd or .tif."
        )
    Image.fromarray(labels[0]).save(path, format="PNG", compress_level=_LEVEL)


def _opened(path: Path) -> Any:
    """Open a picture, which reads its header only."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except UnidentifiedImageError:
        raise UnreadableFile(
            f'"{path.name}" is not a picture of a known kind, or its beginning is damaged.',
            "Check what kind of file it is.",
        ) from None


def _stack(image: Any, wanted: range) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[str, ...]]:
    """Decode several images of one file; those of another size than the first are left out."""
    slices: list[NDArray[Any]] = []
    indices: list[NDArray[Any]] = []
    for index in wanted:
        if index:
            image.seek(index)
        pixels = _pixels(image)
        if slices and pixels.shape[:2] != slices[0].shape[:2]:
            continue
        slices.append(pixels)
        if image.mode == "P":
            indices.append(np.asarray(image))
    notes = []
    if len(slices) < len(wanted):
        notes.append(f"{len(wanted) - len(slices)} images of another size were left out.")
    if len(slices) > 1:
        notes.append(f"The file holds {len(slices)} images; they are shown as slices.")
    if len({pixels.ndim for pixels in slices}) > 1:
        slices = [p if p.ndim == 3 else np.repeat(p[..., None], 3, axis=2) for p in slices]
    data, more = plain(np.stack(slices))
    if image.format == "GIF" and data.ndim == 4:  # Pillow gives later images as RGB even where all are grey
        data = grey_if_grey(data)
    return data, np.stack(indices) if len(indices) == len(slices) else None, (*notes, *more)


def _pixels(image: Any) -> NDArray[Any]:
    """Return (y, x) grey values at their own depth or (y, x, 3) uint8 colours, upright."""
    image.load()
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1) if image.format != "TIFF" else 1
    if image.mode == "P" and "transparency" not in image.info:
        pixels = grey_if_grey(np.asarray(image.convert("RGB")))
    elif image.mode in _GREY_MODES:
        pixels = _grey(image)
    elif image.mode in ("RGBA", "P", "PA", "RGBa"):
        pixels = eight_bit_colour(np.asarray(image.convert("RGBA")))
        pixels = grey_if_grey(pixels) if image.mode in ("P", "PA") else pixels
    else:
        pixels = np.asarray(image.convert("RGB"))
    return upright(pixels, orientation, 0)


def _grey(image: Any) -> NDArray[Any]:
    """Return grey values; opacity is shown on black."""
    if image.mode in ("LA", "La"):
        return eight_bit_colour(np.asarray(image.convert("RGBA")))[..., 0]
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    values = np.asarray(image)
    if image.mode == "I" and values.min() >= 0 and values.max() <= 65535:
        return values.astype(np.uint16)
    return values


PNG = register(Format("PNG", (".png",), read, write_png))
PICTURES = register(
    Format(
        "picture",
        (
            *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".webp"),
            *(".bmp", ".dib", ".gif", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"),
        ),
        read,
    )
)
