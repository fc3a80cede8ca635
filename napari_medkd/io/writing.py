"""Saving masks: in one step, on the image's own grid."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import GeometryMismatch, StorageError
from napari_medkd.io.file_format import About, formats, suffix_of
from napari_medkd.io.labels import names_path, write_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.io.file_format import Writer


def write_labels(
    path: str | os.PathLike[str],
    labels: NDArray[Any],
    like: Volume,
    names: Mapping[int, str] | None = None,
    *,
    model: str = "",
    automatic: bool = False,
) -> Path:
    """Save a mask with the geometry of its image; the ending of `path` says the format.

    The file appears whole or not at all: a crash or a full disk leaves what was there before.

    Parameters
    ----------
    path : path
        Where to; folders are made.
    labels : ndarray (z, y, x)
        Whole numbers from 0 to 65535; stored in 8 bits where they fit.
    like : Volume
        The image. A NIfTI image gives a NIfTI mask its whole header.
    names : mapping or None
        What the values stand for: in the file where its format has a place for them (NRRD, MetaImage,
        DICOM-SEG, OME-Zarr), elsewhere ``<path>.labels.json``.
    model : str
        Id of the model that made it, for formats that say so.
    automatic : bool
        Whether it was made without a person's prompts or corrections; said by DICOM-SEG.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    GeometryMismatch
        The mask has another shape than the image.
    StorageError
        The format cannot hold such a mask, or the file cannot be written.
    """
    path = Path(path)
    write, keeps_names = _writer(path)
    stored = _stored(labels, like)
    about = About({value: name for value, name in (names or {}).items() if value}, model, automatic)
    temporary = path.with_name(f".{uuid.uuid4().hex}{suffix_of(path)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary, stored, like, about)
        _flush(temporary)
        _put(temporary, path)
        if about.names and not keeps_names:
            write_names(path, about.names)
        elif names_path(path).exists():
            names_path(path).unlink()  # of the mask that was overwritten
    except (OSError, RuntimeError) as error:  # SimpleITK raises RuntimeError on a full disk
        raise StorageError(
            f'The mask could not be written to "{path}": {_reason(error)}.',
            "Check that the folder can be written and that the disk has space.",
        ) from error
    finally:
        _remove(temporary)
    return path


def writable_suffixes() -> tuple[str, ...]:
    """Return the file endings that a mask can be saved with."""
    return tuple(suffix for suffix in formats if formats[suffix].write is not None)


def _writer(path: Path) -> tuple[Writer, bool]:
    """Return what writes to such a path, and whether class names go into the file."""
    suffix = suffix_of(path)
    write = formats[suffix].write if suffix in formats else None
    if write is not None:
        return write, formats[suffix].keeps_names
    kind = f"{formats[suffix].name} files" if suffix in formats else f'Files ending in "{suffix}"'
    reason = "cannot hold a mask here" if suffix in formats else "are not known here"
    raise StorageError(f"{kind} {reason}.", f"Save as one of {', '.join(writable_suffixes())}.")


def _stored(labels: NDArray[Any], like: Volume) -> NDArray[np.integer]:
    """Check a mask against its image and return it in the smallest type that holds it."""
    if labels.shape != like.shape:
        seen, expected = ("×".join(map(str, shape)) for shape in (labels.shape, like.shape))
        raise GeometryMismatch(f"The mask is {seen} voxels, the image {expected}.", "They must be the same.")
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if labels.dtype.kind not in "biu" or low < 0 or high > np.iinfo(np.uint16).max:
        raise StorageError(
            f"A mask holds whole numbers from 0 to 65535; this one is {labels.dtype}, {low} to {high}.",
            "Convert it first.",
        )
    kind = np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16
    return np.ascontiguousarray(labels, dtype=kind)


def _flush(path: Path) -> None:
    """Make sure that the bytes are on the disk before the name points at them."""
    for one in (path,) if path.is_file() else (found for found in path.rglob("*") if found.is_file()):
        with open(one, "rb+") as file:
            os.fsync(file.fileno())


def _put(temporary: Path, path: Path) -> None:
    """Give what was written its name; a folder cannot take the place of another in one step."""
    if not path.is_dir():
        os.replace(temporary, path)
        return
    aside = path.with_name(f".{uuid.uuid4().hex}{suffix_of(path)}")
    os.replace(path, aside)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(aside, path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return getattr(error, "strerror", None) or lines[-1].strip()
