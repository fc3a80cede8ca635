"""TIFF of every depth, stacks of ImageJ and OME; by tifffile, and by Pillow for the compressions it lacks."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import guess_window
from napari_medkd.errors import MedkdError, UnreadableFile
from napari_medkd.io import raster
from napari_medkd.io.file_format import About, Format, register, stem_of
from napari_medkd.io.frames import choose_frame
from napari_medkd.io.memory import check_size
from napari_medkd.io.modality import guess_modality
from napari_medkd.io.orientation import upright
from napari_medkd.io.tiff_pages import pages_run_in_circles
from napari_medkd.io.values import eight_bit_colour, grey_if_grey, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNITS_MM = {
    **{"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4, "nm": 1e-6},
    **{"um": 1e-3, "µm": 1e-3, "μm": 1e-3, "\\u00B5m": 1e-3, "micron": 1e-3, "microns": 1e-3},
}
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE = 0, 1, 2, 3  # TIFF's photometric interpretations
_ORIENTATION_TAG, _ASSOCIATED = 274, 1
_Decoded = tuple[NDArray[Any], tuple[float, float, float], dict[str, Any], tuple[str, ...]]
# tifffile logs what it dislikes in a damaged file; without any handler that would land on standard error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def read(path: Path, *, frame: int | None, series: str | None) -> Volume:
    """Read the largest image or stack of the file."""
    data, spacing, header, notes = _decode(path, frame)
    modality = "RGB" if data.ndim == 4 else guess_modality(data) or "GRAY"
    return Volume(
        data,
        Geometry.image(data.shape[:3], spacing),
        modality,
        guess_window(data, modality),
        stem_of(path),
        source=path,
        header=header,
        notes=notes,
    )


def write(path: Path, labels: NDArray[np.integer], like: Volume, about: About) -> None:
    """Write a page a slice, with spacing in millimetres as ImageJ keeps it."""
    import tifffile

    z, y, x = like.geometry.spacing
    calibrated = like.geometry.from_file or like.geometry.spacing != (1.0, 1.0, 1.0)
    tifffile.imwrite(
        path,
        labels,
        imagej=True,
        metadata={"axes": "ZYX", "spacing": z, **({"unit": "mm"} if calibrated else {})},
        resolution=(1.0 / x, 1.0 / y),
    )


def _decode(path: Path, frame: int | None) -> _Decoded:
    """Decode with tifffile, or with Pillow what tifffile lacks: fax, JPEG and LZW compression, CMYK."""
    failure: Exception | None = None
    try:
        decoded = _read_tifffile(path, frame)
    except MedkdError:
        raise
    except Exception as error:  # damaged, or a compression that only Pillow has: Pillow decides
        decoded, failure = None, error
    if decoded is not None:
        return decoded
    try:
        data, header, notes = raster.read_pixels(path, frame)
    except MedkdError:
        raise
    except Exception as error:
        raise failure or error from None
    return data, (1.0, 1.0, 1.0), header, notes


def _read_tifffile(path: Path, frame: int | None) -> _Decoded | None:
    """Return the largest image of the file; None where Pillow alone knows its colours, or finds its end."""
    import tifffile

    if pages_run_in_circles(path):
        return None
    with warnings.catch_warnings(), _pages_all_there(path.name), tifffile.TiffFile(path) as tif:
        warnings.simplefilter("ignore")  # of odd metadata; what cannot be decoded raises
        if not tif.series:
            raise ValueError("it holds no image")
        stack = max(tif.series, key=lambda one: int(np.prod(one.shape)))
        page = stack.keyframe
        if page.photometric not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE):
            return None
        check_size(path.name, stack.shape, stack.dtype.itemsize)
        is_rgb = page.photometric == _RGB and page.samplesperpixel in (3, 4)
        data, notes = _arranged(stack.asarray(), stack.axes, is_rgb, path.name, frame)
        if len(tif.series) > 1:
            notes = (*notes, f"The largest of {len(tif.series)} images in the file is shown.")
        tag = page.tags.get(_ORIENTATION_TAG)
        data = upright(data, int(tag.value) if tag else 1, 1)
        pixels, header, more = _grey_or_colour(data, page, is_rgb)
        return pixels, _spacing(tif, page), header, (*notes, *more)


@contextmanager
def _pages_all_there(name: str) -> Iterator[None]:
    """Refuse a file that was cut off between its pages: tifffile logs that and gives the pages before."""
    lost: list[logging.LogRecord] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == get_ident() and "invalid page offset" in record.getMessage():
                lost.append(record)

    logger, listener = logging.getLogger("tifffile"), Listener()
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
    if lost:
        raise UnreadableFile(f'"{name}" is cut off or damaged: pages are missing.', "Copy it again.")


def _arranged(
    data: NDArray[Any], axes: str, is_rgb: bool, name: str, frame: int | None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Bring an array with named axes to (z, y, x) or (z, y, x, s), choosing a frame of the rest."""
    sizes = dict(zip(axes, data.shape, strict=True))
    last = "YXS" if is_rgb else "YX"
    leading = [axis for axis in axes if axis not in last]
    deep = [axis for axis in leading if sizes[axis] > 1 and axis not in "CS"]
    z = "Z" if sizes.get("Z", 1) > 1 else next(iter(deep), "")
    others = [axis for axis in leading if axis != z]
    data = np.transpose(data, [axes.index(axis) for axis in (*others, *z, *last)])
    data = data.reshape(-1, sizes.get(z, 1), *data.shape[data.ndim - len(last) :])
    if data.shape[0] == 1 and frame is not None:
        chosen, notes = choose_frame(name, data.shape[1], frame, "image")
        return data[0, chosen : chosen + 1], notes
    chosen, notes = choose_frame(name, data.shape[0], frame)
    return data[chosen], notes


def _grey_or_colour(
    data: NDArray[Any], page: Any, is_rgb: bool
) -> tuple[NDArray[Any], dict[str, Any], tuple[str, ...]]:
    if is_rgb:
        multiplied = _ASSOCIATED in page.extrasamples  # by their opacity: on black already
        return eight_bit_colour(data[..., :3] if multiplied else data), {}, ()
    if page.photometric == _PALETTE and page.colormap is not None:
        indices, _ = plain(data)
        colour = np.moveaxis(np.asarray(page.colormap)[:, indices], 0, -1)
        return grey_if_grey((colour >> 8).astype(np.uint8)), {"indices": indices}, ()
    if page.photometric == _MIN_IS_WHITE and data.dtype.kind in "bu":
        data = ~data if data.dtype.kind == "b" else np.iinfo(data.dtype).max - data
    data = data.astype(np.uint8) * np.uint8(255) if data.dtype == np.bool_ else data
    values, notes = plain(data)
    return values, {}, notes


def _spacing(tif: Any, page: Any) -> tuple[float, float, float]:
    """Return (z, y, x) mm where ImageJ or OME metadata say so; 1 elsewhere.

    The resolution tags alone are not trusted: they nearly always hold the dots per inch of a printer.
    """
    if tif.is_imagej:
        metadata = tif.imagej_metadata or {}
        unit = _UNITS_MM.get(str(metadata.get("unit", "")))
        per_unit = [
            page.tags[name].value if name in page.tags else (1, 1) for name in ("YResolution", "XResolution")
        ]
        if unit and all(a > 0 and b > 0 for a, b in per_unit):
            y, x = (unit * b / a for a, b in per_unit)
            return unit * abs(float(metadata.get("spacing", 1.0))) or 1.0, y, x
    if tif.is_ome:
        return _ome_spacing(tif.ome_metadata)
    return 1.0, 1.0, 1.0


def _ome_spacing(xml: str) -> tuple[float, float, float]:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    text = pixels.group(0) if pixels else ""
    sizes = []
    for axis in "ZYX":
        size = re.search(rf'PhysicalSize{axis}="([^"]+)"', text)
        unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', text)
        scale = _UNITS_MM.get(unit.group(1) if unit else "µm")
        sizes.append(float(size.group(1)) * scale if size and scale else 0.0)
    known = [size for size in sizes if size > 0]
    fill = known[-1] if known else 1.0
    z, y, x = (size if size > 0 else fill for size in sizes)
    return z, y, x


TIFF = register(Format("TIFF", (".tif", ".tiff"), read, write))
