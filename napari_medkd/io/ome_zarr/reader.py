"""An OME-Zarr folder as a volume: in memory, or left on the disk where it is large."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import guess_window
from napari_medkd.errors import UnreadableFile, missing_extra
from napari_medkd.io.file_format import Format, register, stem_of
from napari_medkd.io.frames import choose_frame, unravel
from napari_medkd.io.memory import check_size
from napari_medkd.io.modality import guess_modality
from napari_medkd.io.ome_zarr import metadata
from napari_medkd.io.ome_zarr.lazy import LazyArray
from napari_medkd.io.ome_zarr.writer import AFFINE, OURS, write
from napari_medkd.io.values import plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".ome.zarr", ".zarr")
_MARKS = (".zgroup", ".zattrs", "zarr.json")
_SAMPLE = 2**22  # values of the level that a window is guessed from
_LARGE = 2**28  # bytes from which `open_lazily` leaves an image on the disk


def is_zarr(path: Path) -> bool:
    """Tell whether a path is a folder that holds a Zarr group and is named like one."""
    return path.name.lower().endswith(SUFFIXES) and any((path / mark).is_file() for mark in _MARKS)


def read(path: Path, *, frame: int | None, series: str | None) -> Volume:
    """Read the finest level; of several time points or channels, the chosen frame."""
    return _volume(path, frame, lazily=False)


def open_lazily(path: Path) -> Volume:
    """Open an image; one of more than 256 MB stays on the disk, and its data read what is sliced out."""
    return _volume(path, None, lazily=True)


def read_names(path: Path) -> dict[int, str]:
    """Return the names of the classes of a mask; empty where it has none or is damaged."""
    try:
        about = metadata.ome(_group(path).attrs.asdict())
        return {
            int(one["label-value"]): str(one["name"])
            for one in about.get("image-label", {}).get("properties", [])
            if "name" in one
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _volume(path: Path, frame: int | None, *, lazily: bool) -> Volume:
    group = _image_group(path)
    attributes = group.attrs.asdict()
    found = metadata.image(attributes, path.name)
    finest = group[found.levels[0]]
    is_rgb = _is_rgb(found, finest, attributes)
    fixed, notes = _chosen(path.name, found, finest.shape, is_rgb, frame)
    data: Any = LazyArray(finest, found.axes, fixed, is_rgb)
    _, sample = _sample(group, found, fixed, is_rgb)
    stays = lazily and data.nbytes > _LARGE and data.dtype.kind in "iu"
    if not stays:
        check_size(path.name, data.shape, data.dtype.itemsize)
        data, more = plain(data[:])
        notes = (*notes, *more)
    modality = "RGB" if is_rgb else guess_modality(sample) or "GRAY"
    return Volume(
        data,
        _geometry(found, attributes, (data.shape[0], data.shape[1], data.shape[2])),
        modality,
        guess_window(sample, modality),
        stem_of(path),
        source=path,
        notes=notes,
    )


def _group(path: Path) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise missing_extra("zarr", "zarr", "Reading OME-Zarr") from error
    return zarr.open_group(os.fspath(path), mode="r")


def _image_group(path: Path) -> Any:
    """Return the group of the image: the first one where a converter put several into a folder."""
    group = _group(path)
    about = metadata.ome(group.attrs.asdict())
    if "multiscales" not in about and "bioformats2raw.layout" in about and "0" in group:
        return group["0"]
    return group


def _is_rgb(found: metadata.Image, finest: Any, attributes: dict[str, Any]) -> bool:
    sizes = dict(zip(found.axes, finest.shape, strict=False))
    return sizes.get("c") == 3 and finest.dtype == np.uint8 and metadata.has_colours(attributes)


def _chosen(
    name: str, found: metadata.Image, shape: tuple[int, ...], is_rgb: bool, frame: int | None
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return where along time and channels the view lies, the channels counting first."""
    sizes = dict(zip(found.axes, shape, strict=False))
    if len(sizes) != len(shape) or not {"y", "x"} <= sizes.keys() or not set(sizes) <= set("tczyx"):
        raise UnreadableFile(
            f'"{name}" has the axes {", ".join(found.axes)} and {len(shape)} dimensions.',
            "Images have y and x, perhaps z, c and t.",
        )
    others = [axis for axis in "ct" if axis in sizes and not (is_rgb and axis == "c")]
    counts = [sizes[axis] for axis in others]
    number, notes = choose_frame(name, int(np.prod(counts)) if counts else 1, frame)
    return dict(zip(others, unravel(number, counts), strict=True)) if others else {}, notes


def _sample(
    group: Any, found: metadata.Image, fixed: dict[str, int], is_rgb: bool
) -> tuple[str, NDArray[Any]]:
    """Return the finest level that is small, or every so many-th value of the coarsest."""
    for level in found.levels:
        array = LazyArray(group[level], found.axes, fixed, is_rgb)
        if np.prod([float(n) for n in array.shape]) <= _SAMPLE:
            return level, array[:]
    step = int(np.ceil((np.prod([float(n) for n in array.shape]) / _SAMPLE) ** 0.5))
    middle = array.shape[0] // 2
    return level, array[middle : middle + 1, ::step, ::step]


def _geometry(found: metadata.Image, attributes: dict[str, Any], shape: tuple[int, int, int]) -> Geometry:
    """Return where it lies: by our own attribute where we wrote it, else by its scale alone."""
    own = attributes.get(OURS, {})
    affine = np.asarray(own.get(AFFINE, ()), dtype=float) if isinstance(own, dict) else np.empty(0)
    if affine.shape == (4, 4):
        return Geometry(shape, affine, from_file=True)
    z, y, x = (found.spacing.get(axis, 1.0) for axis in "zyx")
    return Geometry.image(shape, (z, y, x))


OME_ZARR = register(Format("OME-Zarr", SUFFIXES, read, write, keeps_names=True, is_folder=True))
