"""The table of file formats: one file each, registered under its endings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_medkd.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume


class Reader(Protocol):
    """Reads one file (or folder) of a format."""

    def __call__(self, path: Path, *, frame: int | None, series: str | None) -> Volume:
        """Return the image; what fails in a library may be raised as it comes, `read_volume` words it."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a mask besides its values, for formats that can say it.

    Parameters
    ----------
    names : mapping
        What the values stand for.
    model : str
        Id of the model that made it; empty where several did, or a person.
    automatic : bool
        Whether it was made without a person's prompts or corrections.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    model: str = ""
    automatic: bool = False


class Writer(Protocol):
    """Writes a mask of a format."""

    def __call__(self, path: Path, labels: NDArray[np.integer], like: Volume, about: About, /) -> None:
        """Write (z, y, x) uint8 or uint16 `labels` at `path`."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """What we can do with one kind of file.

    Parameters
    ----------
    name : str
        What people call it.
    suffixes : tuple of str
        Lower-case endings with their dot, the compound ones (``".nii.gz"``) too.
    read : Reader
        Opens an image.
    write : Writer or None
        Saves a mask; None where a mask must not be saved so.
    keeps_names : bool
        Whether `write` puts the names of the classes into the file.
    is_folder : bool
        Whether an image of it is a folder.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Reader
    write: Writer | None = None
    keeps_names: bool = False
    is_folder: bool = False


formats: Registry[Format] = Registry("file format")


def register(file_format: Format) -> Format:
    """Put a format into the table under each of its endings."""
    for suffix in file_format.suffixes:
        formats.register(suffix)(file_format)
    return file_format


def suffix_of(path: Path) -> str:
    """Return the longest registered ending of a path, or its plain last one, in lower case."""
    name = path.name.lower()
    known = [suffix for suffix in formats if name.endswith(suffix) and len(name) > len(suffix)]
    return max(known, key=len, default=Path(name).suffix)


def stem_of(path: Path) -> str:
    """Return the name without the ending that we know it by; ``scan.1.2`` has none and stays whole."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix in formats else path.name
