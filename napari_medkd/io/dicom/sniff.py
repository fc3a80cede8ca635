"""Is it DICOM? Answered from a few bytes, without pydicom."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.io.file_format import formats, suffix_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")
_PREAMBLE = 128
# What a data set without the "Part 10" header may begin with: group 0008 and a text encoding or a length, in
# explicit or implicit form.
_BARE_STARTS = (
    b"\x08\x00\x05\x00CS",
    b"\x08\x00\x08\x00CS",
    b"\x08\x00\x00\x00UL",
    b"\x08\x00\x05\x00\x0a\x00",
)
_JUNK = 16  # bytes that some programs leave before it
_LOOKED_AT = 50


def looks_like_dicom(path: Path) -> bool:
    """Tell whether a file carries DICOM's mark, or begins like a DICOM data set without one."""
    try:
        with open(path, "rb") as file:
            start = file.read(_PREAMBLE + 4)
    except OSError:
        return False
    if start[_PREAMBLE:] == b"DICM":
        return True
    suffix = suffix_of(path)
    return (suffix not in formats or suffix in SUFFIXES) and bare_offset(start) is not None


def bare_offset(start: bytes) -> int | None:
    """Return where a data set without preamble begins in the first bytes of a file; None where none does."""
    offsets = [start[: _JUNK + 8].find(mark) for mark in _BARE_STARTS]
    return min((offset for offset in offsets if offset >= 0), default=None)


def holds_dicom(folder: Path) -> bool:
    """Tell whether there is a DICOM file among the first files of a folder."""
    return any(looks_like_dicom(path) for path in islice(files_below(folder), _LOOKED_AT))


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and its sub-folders by name; hidden ones are left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent) / name
