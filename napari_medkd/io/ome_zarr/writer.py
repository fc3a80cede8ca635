"""Masks as OME-Zarr 0.4, the version that most programs read: in pieces, with coarser levels.

A mask may be larger than the memory: no more than a band of it is held at a time, and pieces in which nothing
is are not written.
"""

from __future__ import annotations

import colorsys
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd import __version__
from napari_medkd.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.io.file_format import About

OURS, AFFINE = "napari-medkd", "affine"  # attributes: (z, y, x, 1) → RAS mm, for which OME-Zarr has no place
_PIECE = 1024  # rows and columns of a piece
_SMALLEST = 256  # of the coarsest level
_VERSION = "0.4"
_GOLDEN = 0.618  # of the circle of hues between one class and the next


def write(path: Path, labels: NDArray[np.integer], like: Volume, about: About) -> None:
    """Write a mask and its coarser levels, each every second row and column of the one before."""
    try:
        import zarr
    except ImportError as error:
        raise missing_extra("zarr", "zarr", "Writing OME-Zarr") from error
    group = zarr.open_group(os.fspath(path), mode="w", zarr_format=2)
    level, count = _fill(group, "0", labels), 1
    while max(level.shape[1:]) > _SMALLEST:
        level, count = _fill(group, str(count), level, step=2), count + 1
    group.attrs.update(_attributes(path.name, like, about, count))


def _fill(group: Any, name: str, source: Any, step: int = 1) -> Any:
    """Make a level of every `step`-th row and column of an array, band by band."""
    from numcodecs import Blosc

    depth, rows, columns = source.shape
    shape = depth, -(-rows // step), -(-columns // step)
    level = group.create_array(
        name,
        shape=shape,
        dtype=source.dtype,
        chunks=(1, min(_PIECE, shape[1]), min(_PIECE, shape[2])),
        compressors=Blosc("zstd", 3, Blosc.BITSHUFFLE),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        fill_value=0,
    )
    for z in range(depth):
        for band in _bands(shape[1]):
            rows_there = slice(band.start * step, min(band.stop * step, rows))
            piece = np.asarray(source[z, rows_there, :])[::step, ::step]
            if piece.any():
                level[z, band, :] = piece
    return level


def _bands(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _PIECE):
        yield slice(start, min(start + _PIECE, rows))


def _attributes(name: str, like: Volume, about: About, count: int) -> dict[str, Any]:
    geometry = like.geometry
    is_measured = geometry.from_file or geometry.spacing != (1.0, 1.0, 1.0)
    axes = [
        {"name": axis, "type": "space", **({"unit": "millimeter"} if is_measured else {})} for axis in "zyx"
    ]
    z, y, x = geometry.spacing
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [{"type": "scale", "scale": [z, y * 2**level, x * 2**level]}],
        }
        for level in range(count)
    ]
    values = sorted(about.names)
    ours: dict[str, Any] = {"version": __version__, "model": about.model}
    if geometry.from_file:
        ours[AFFINE] = np.asarray(geometry.affine).tolist()
    return {
        "multiscales": [
            {"version": _VERSION, "name": name, "axes": axes, "datasets": datasets, "type": "nearest"}
        ],
        "image-label": {
            "version": _VERSION,
            "colors": [{"label-value": value, "rgba": _colour(value)} for value in values],
            "properties": [{"label-value": value, "name": about.names[value]} for value in values],
        },
        OURS: ours,
    }


def _colour(value: int) -> list[int]:
    """Return a colour for a class: every program shows the same."""
    rgb = colorsys.hsv_to_rgb((value * _GOLDEN) % 1, 0.75, 1.0)
    return [*(round(255 * part) for part in rgb), 255]
