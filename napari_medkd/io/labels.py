"""Existing masks as a starting point, and the names of their classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import GeometryMismatch, UnreadableFile
from napari_medkd.io import ome_zarr
from napari_medkd.io.dicom import is_segmentation
from napari_medkd.io.reading import read_segmentation, read_volume

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume

_MAX_LABEL = 65535
# A mask is made of areas, so neighbours seldom differ. Measured on public data: at most 4 % in masks of over
# 64 touching objects, at least 25 % in grey photographs and scans.
_MANY_VALUES, _PICTURE_SHARE = 64, 0.15
_LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif")


def read_labels(path: str | os.PathLike[str], like: Volume | None = None) -> NDArray[np.uint16]:
    """Read a mask.

    A black-and-white picture (0 and 255) gives class 1; otherwise values are classes as they are.

    Parameters
    ----------
    path : path
        A file of any format that `read_volume` opens, or a DICOM-SEG.
    like : Volume or None
        The image that it belongs to: same shape, and same place where both files say where they are. There a
        mask whose axes run another way, as converters from DICOM store them, is turned to lie as the image.

    Returns
    -------
    ndarray (z, y, x) uint16

    Raises
    ------
    GeometryMismatch
        It does not lie on the image's grid.
    UnreadableFile
        It cannot be opened or is no mask: colours, fractions, negative or too large values, a picture.
    """
    if is_segmentation(Path(path)):
        return read_segmentation(path, like).labels
    volume = read_volume(path)
    turn = _turn(Path(path).name, volume, like) if like is not None else None
    if Path(path).suffix.lower() in _LOSSY:
        raise _no_mask(path, "a JPEG blurs the values at every edge")
    values = np.asarray(volume.header.get("indices", volume.data))
    if values.ndim == 4:
        if not (values[..., :1] == values).all():
            raise _no_mask(path, "it is a colour picture")
        values = values[..., 0]
    _check_values(path, values)
    if volume.modality in ("GRAY", "RGB") and set(np.unique(values).tolist()) <= {0, 255}:
        values = values > 0
    if turn is not None:
        order, flipped = turn
        values = np.ascontiguousarray(np.flip(values.transpose(order), flipped))
    return values.astype(np.uint16)


def names_path(path: Path) -> Path:
    """Return where the class names of a mask lie whose format cannot hold them: ``mask.png.labels.json``."""
    return path.with_name(path.name + ".labels.json")


def write_names(path: Path, names: Mapping[int, str]) -> None:
    """Write class names beside the mask at `path`."""
    text = json.dumps(
        {str(value): name for value, name in sorted(names.items())}, indent=2, ensure_ascii=False
    )
    names_path(path).write_text(text + "\n", encoding="utf-8")


def read_label_names(path: str | os.PathLike[str]) -> dict[int, str]:
    """Return the class names in a DICOM-SEG or OME-Zarr, or beside a mask; empty where there are none."""
    if is_segmentation(Path(path)):
        return read_segmentation(path).names
    if ome_zarr.is_zarr(Path(path)):
        return ome_zarr.read_names(Path(path))
    try:
        found = json.loads(names_path(Path(path)).read_text(encoding="utf-8"))
        return {int(value): str(name) for value, name in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _turn(name: str, mask: Volume, like: Volume) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return how to turn a mask onto its image, None where it lies there as it is; refuse another grid."""
    tolerance = 0.1 * min(like.geometry.spacing)
    both_placed = mask.geometry.from_file and like.geometry.from_file
    if mask.shape == like.shape and (
        not both_placed or mask.geometry.same_grid(like.geometry, tolerance_mm=tolerance)
    ):
        return None
    turn = mask.geometry.turn_onto(like.geometry, tolerance) if both_placed else None
    if turn is None and mask.shape != like.shape:
        raise GeometryMismatch(
            f'The mask "{name}" has {_size(mask.shape)} voxels, the image {_size(like.shape)}.',
            "Choose the mask of this image.",
        )
    if turn is None:
        raise GeometryMismatch(
            f'The mask "{name}" has the size of the image but lies elsewhere in the patient.',
            "Choose the mask of this image, or resample it onto the image's grid.",
        )
    return turn


def _check_values(path: str | os.PathLike[str], values: NDArray[np.generic]) -> None:
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        raise _no_mask(path, "it holds fractions")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _MAX_LABEL:
        raise _no_mask(path, f"its values go from {low} to {high}; classes are 0 to {_MAX_LABEL}")
    if np.unique(values).size > _MANY_VALUES:
        share = float((values[:, :, 1:] != values[:, :, :-1]).mean())
        if share > _PICTURE_SHARE:
            raise _no_mask(path, f"{share:.0%} of its neighbouring pixels differ, as in a picture")


def _no_mask(path: str | os.PathLike[str], reason: str) -> UnreadableFile:
    return UnreadableFile(
        f'"{Path(path).name}" is no mask: {reason}.', "A mask holds a whole number for each class, 0 outside."
    )


def _size(shape: tuple[int, int, int]) -> str:
    return "×".join(map(str, shape))
