"""Opening any image that we know, and saying in a sentence why one cannot be opened."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_medkd.errors import MedkdError, UnreadableFile
from napari_medkd.io import dicom, ome_zarr
from napari_medkd.io.file_format import Format, formats, suffix_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from napari_medkd.core.volume import Volume


T = TypeVar("T")
# How the decoders put it that bytes are missing.
_CUT_OFF = re.compile(r"truncated|less than expected|unexpected end|expected \d+ bytes, got", re.IGNORECASE)


def read_volume(
    path: str | os.PathLike[str], *, frame: int | None = None, series: str | None = None
) -> Volume:
    """Open an image.

    Parameters
    ----------
    path : path
        A file, an OME-Zarr folder, or a folder that holds a DICOM series (sub-folders are looked into).
    frame : int or None
        Which image to take, from 0, where a file holds several (time points, channels, pages); None takes
        the first time point or channel, and all pages as slices.
    series : str or None
        Which DICOM series of a folder to take: its number in the list that the notes give, or its UID; None
        takes the largest.

    Returns
    -------
    Volume
        Data (z, y, x) or (z, y, x, 3) uint8, in the voxel order of the file.

    Raises
    ------
    UnreadableFile
        The file is missing, damaged, too large for this computer, or no image; the message says which.
    """
    path = Path(path)
    file_format = _format_of(path)
    if series is not None and file_format is not dicom.DICOM:
        raise UnreadableFile(
            f'"{path.name}" is no folder of DICOM series, so series {series} cannot be chosen from it.',
            "Leave the series out.",
        )
    return _worded(path, file_format.name, lambda: file_format.read(path, frame=frame, series=series))


def open_volume(path: Path) -> Volume:
    """Open an image as `read_volume` does, but leave a large one on the disk where its format allows it."""
    if ome_zarr.is_zarr(path):
        return _worded(path, ome_zarr.OME_ZARR.name, lambda: ome_zarr.open_lazily(path))
    return read_volume(path)


def read_series(paths: Sequence[Path]) -> Volume:
    """Open the DICOM files of one series, as `io.dicom.group` sorts them; see `read_volume`."""
    return _worded(paths[0].parent, dicom.DICOM.name, lambda: dicom.read_files(paths))


def read_segmentation(path: str | os.PathLike[str], like: Volume | None = None) -> dicom.Segments:
    """Open a DICOM-SEG, on the grid of its image where that is given; see `io.dicom.read_segments`."""
    path = Path(path)
    return _worded(path, "DICOM-SEG", lambda: dicom.read_segments(path, like))


def _worded(path: Path, kind: str, read: Callable[[], T]) -> T:
    """Read; whatever a decoder raises becomes a sentence."""
    try:
        return read()
    except MedkdError:
        raise
    except MemoryError as error:
        raise UnreadableFile(
            f'There is not enough free memory to open "{path.name}".',
            "Close other programs or crop the image.",
        ) from error
    except Exception as error:  # decoders raise anything on damaged files; a person gets a sentence
        raise _unreadable(path, kind, error) from error


def is_readable(path: str | os.PathLike[str]) -> bool:
    """Tell at a glance, from ending and first bytes, whether `read_volume` knows such a file or folder."""
    path = Path(path)
    if path.is_dir():
        return ome_zarr.is_zarr(path) or dicom.holds_dicom(path)
    return suffix_of(path) in formats or dicom.looks_like_dicom(path)


def suffixes() -> tuple[str, ...]:
    """Return every file ending that can be read, in lower case; DICOM needs none."""
    return tuple(formats)


def _format_of(path: Path) -> Format:
    """Return the format of an existing path: DICOM by content, everything else by its ending."""
    if not path.exists():
        raise UnreadableFile(f'There is no file or folder "{path}".', "Check the path.")
    if path.is_dir():
        return ome_zarr.OME_ZARR if ome_zarr.is_zarr(path) else dicom.DICOM
    try:
        if path.stat().st_size == 0:
            raise UnreadableFile(f'"{path.name}" is empty.', "Copy or export it again.")
        if dicom.looks_like_dicom(path):
            return dicom.DICOM
    except OSError as error:
        raise _unreadable(path, "file", error) from error
    suffix = suffix_of(path)
    if suffix not in formats:
        raise UnreadableFile(
            f'"{path.name}" is of a kind that is not known here.',
            f"Known endings: {', '.join(formats)}; DICOM files need none.",
        )
    return formats[suffix]


def _unreadable(path: Path, kind: str, error: Exception) -> UnreadableFile:
    """Word the failure of a decoder: one short sentence, without the folders that the file lies in."""
    lines = [line.strip() for line in str(error).replace(str(path), path.name).splitlines() if line.strip()]
    reason = lines[-1][:200].rstrip(". ") if lines else type(error).__name__
    if isinstance(error, PermissionError):
        return UnreadableFile(f'"{path.name}" may not be read by you.', "Ask for permission to read it.")
    if "decompression bomb" in reason:
        pixels = "".join(re.findall(r"\((\d+) pixels", reason))
        return UnreadableFile(
            f'"{path.name}" says that it holds {pixels} pixels, more than can be opened.',
            "Crop or downsample it, or check whether the file is damaged.",
        )
    if isinstance(error, (EOFError, zlib.error)) or _CUT_OFF.search(reason):
        return UnreadableFile(
            f'"{path.name}" is cut off or damaged: its data end too early.', "Copy it again."
        )
    return UnreadableFile(
        f'"{path.name}" could not be read as {kind}: {reason}.',
        "The file is damaged or of another kind than its name says.",
    )
