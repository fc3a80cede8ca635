"""What lies in a folder: images, each a file or a DICOM series, and what is no image."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import MissingExtra, UnreadableFile
from napari_medkd.io import dicom, is_readable
from napari_medkd.io.file_format import stem_of, suffix_of
from napari_medkd.io.ome_zarr import is_zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_DICOM = ".dcm"


@dataclass(frozen=True, slots=True)
class Source:
    """One image.

    Parameters
    ----------
    name : str
        Its path below the folder, with ``/``; of a series, its folder and a name of the series.
    files : tuple of Path
        Where it is: one file or OME-Zarr folder, or all files of a series.
    suffix : str
        The ending that it is known by; ``.dcm`` for DICOM of any name.
    stem : str
        `name` without that ending: what its mask is named after.
    """

    name: str
    files: tuple[Path, ...]
    suffix: str
    stem: str

    @property
    def fingerprint(self) -> str:
        """A digest of names, sizes and times of its files: another one where they were changed."""
        digest = sha256()
        for path in self.files:
            for part in (path, *sorted(path.rglob("*"))) if path.is_dir() else (path,):
                try:
                    status = part.stat()
                    digest.update(f"{part.name}/{status.st_size}/{status.st_mtime_ns}\n".encode())
                except OSError:  # gone since it was found: reading it will say so
                    digest.update(f"{part.name}/gone\n".encode())
        return digest.hexdigest()


@dataclass(slots=True)
class Found:
    """What a folder holds.

    Parameters
    ----------
    sources : list of Source
        The images, by folder and name.
    no_images : list of (str, str)
        DICOM objects that are no image, and what they are.
    ignored : Counter
        Files of other kinds, counted by their ending.
    """

    sources: list[Source] = field(default_factory=list)
    no_images: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def scan(
    root: Path,
    patterns: Sequence[str] = (),
    without: Path | None = None,
    tell: Callable[[int], None] = lambda count: None,
) -> Found:
    """Look through a folder and all below it; nothing is opened but the headers of DICOM files.

    Parameters
    ----------
    root : Path
        A folder, or one file.
    patterns : sequence of str
        Where given, only files whose path below `root` fits one: ``*`` stands for anything, ``/`` included.
    without : Path, optional
        A folder that is left out: where the masks go.
    tell : callable
        Called with the number of images as it grows.

    Raises
    ------
    UnreadableFile
        Where there is no such file or folder.
    """
    if not root.exists():
        raise UnreadableFile(f'There is no file or folder "{root}".', "Check the path.")
    found = Found()
    for folder, names in _folders(root, without):
        paths = [folder / name for name in names]
        base = root if root.is_dir() and not is_zarr(root) else root.parent
        _look(base, [path for path in paths if _fits(path, base, patterns)], found)
        tell(len(found.sources))
    return found


def _folders(root: Path, without: Path | None) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its images; hidden ones and links in circles are left out.

    An image may be a folder itself, which is not looked into.
    """
    if root.is_file() or is_zarr(root):
        yield root.parent, [root.name]
        return
    left_out = without.resolve() if without is not None else None
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and Path(parent, name).resolve() != left_out
        )
        images = [name for name in folders if is_zarr(Path(parent, name))]
        folders[:] = [name for name in folders if name not in images]
        yield Path(parent), sorted([*images, *(name for name in names if not name.startswith("."))])


def _fits(path: Path, root: Path, patterns: Sequence[str]) -> bool:
    name = path.relative_to(root).as_posix()
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _look(root: Path, paths: Sequence[Path], found: Found) -> None:
    """Add the images among the files of one folder."""
    dicoms = [path for path in paths if dicom.looks_like_dicom(path)]
    rest = set(dicoms)
    try:
        series, others = dicom.group(dicoms)
    except MissingExtra:  # each file will say what it lacks
        series, others = [], [(path, "") for path in dicoms]
    sources = [_series(root, one) for one in series]
    for path, kind in others:
        if kind:
            found.no_images.append((_name(root, path), kind))
        else:
            sources.append(_file(root, path, _DICOM))
    for path in paths:
        if path in rest:
            continue
        if is_readable(path):
            sources.append(_file(root, path, suffix_of(path)))
        else:
            found.ignored[path.suffix.lower() or "no ending"] += 1
    found.sources += sorted(sources, key=lambda source: source.name)


def _file(root: Path, path: Path, suffix: str) -> Source:
    name = _name(root, path)
    return Source(name, (path,), suffix, name[: len(name) - len(path.name)] + stem_of(path))


def _series(root: Path, series: dicom.Series) -> Source:
    files = tuple(dict.fromkeys(one.path for one in series.slices))
    if len(files) == 1:
        return _file(root, files[0], _DICOM)
    # The number alone may be there twice; the rest stays the same when other series come to the folder.
    mark = blake2b(f"{series.uid}/{files[0].name}".encode(), digest_size=3).hexdigest()
    name = _name(root, files[0].parent / f"series-{series.number}-{mark}")
    return Source(name, files, _DICOM, name)


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
