"""What lies in a DICOM folder: its series, and which of them is opened."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medkd.errors import MissingExtra, UnreadableFile
from napari_medkd.io.dicom.dataset import kind_of, open_dataset
from napari_medkd.io.dicom.slices import Slice, slices_of
from napari_medkd.io.dicom.sniff import files_below, looks_like_dicom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LISTED = 12  # series named in a message


@dataclass(slots=True)
class Series:
    """Images of one series that lie in one direction; `alone` is a multi-frame file."""

    uid: str
    number: int
    modality: str
    description: str
    slices: list[Slice]
    alone: bool = False

    def __str__(self) -> str:
        words = " ".join(word for word in (self.modality, self.description) if word)
        return f"{words or 'unnamed'}, {len(self.slices)} image{'s' if len(self.slices) != 1 else ''}"


def choose_series(folder: Path, wanted: str | None) -> tuple[Series, tuple[str, ...]]:
    """Return the wanted series of a folder, or the one with the most images, and what else there is."""
    found, notes = _scan(folder)
    largest = max(found, key=lambda one: len(one.slices))
    chosen = largest if wanted is None else _named(found, wanted, folder.name)
    if len(found) > 1:
        number = found.index(chosen) + 1
        notes = (*notes, f"Series {number} of {len(found)} is shown. There are {_listing(found)}.")
    return chosen, notes


def _named(found: Sequence[Series], wanted: str, folder: str) -> Series:
    by_name = {str(i): one for i, one in enumerate(found, 1)} | {
        one.uid: one for one in sorted(found, key=lambda one: len(one.slices)) if one.uid
    }
    if wanted not in by_name:
        raise UnreadableFile(f'"{folder}" has no series {wanted}.', f"There are {_listing(found)}.")
    return by_name[wanted]


def _listing(found: Sequence[Series]) -> str:
    listing = "; ".join(f"{number}: {one}" for number, one in enumerate(found[:_LISTED], 1))
    return listing + (f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else "")


def group(paths: Iterable[Path]) -> tuple[list[Series], list[tuple[Path, str]]]:
    """Sort DICOM files into series by their headers, and tell what the others are.

    Returns
    -------
    series : list of Series
        By number and UID.
    others : list of (Path, str)
        Files that are no image and what they are ("a structured report (SR)"); ``""`` for damaged ones.
    """
    found: list[Series] = []
    others: list[tuple[Path, str]] = []
    for path in paths:
        try:
            kind = _add(path, found)
        except MissingExtra:
            raise
        except Exception:  # one damaged file must not hide the others; it is told
            others.append((path, ""))
            continue
        if kind:
            others.append((path, kind))
    return sorted(found, key=lambda one: (one.number, one.uid)), others


def _scan(folder: Path) -> tuple[list[Series], tuple[str, ...]]:
    """Read every header below a folder; what is damaged or no image is counted, not fatal."""
    found, others = group(path for path in files_below(folder) if looks_like_dicom(path))
    refused = Counter(kind for _, kind in others if kind)
    damaged = len(others) - refused.total()
    if not found:
        raise UnreadableFile(_nothing(folder.name, refused, damaged), "Choose a folder with DICOM images.")
    return found, (f"Damaged files left out: {damaged}.",) if damaged else ()


def _add(path: Path, found: list[Series]) -> str:
    """Put a file's frames into its series; return what it is if no image."""
    dataset = open_dataset(path, pixels=False)
    kind = kind_of(dataset) or ("" if dataset.get("Rows") else "a file without an image")
    if kind:
        return kind
    frames = slices_of(dataset, path)
    uid = str(dataset.get("SeriesInstanceUID", ""))
    # A multi-frame file is a volume of its own: two in one series are two acquisitions.
    alone = len(frames) > 1
    for series in () if alone else found:
        if series.uid == uid and not series.alone and series.slices[0].shares_plane(frames[0]):
            series.slices += frames
            return ""
    modality, description = (
        " ".join(str(dataset.get(key) or "").split()) for key in ("Modality", "SeriesDescription")
    )
    found.append(Series(uid, int(dataset.get("SeriesNumber") or 0), modality, description, frames, alone))
    return ""


def _nothing(folder: str, refused: Counter[str], damaged: int) -> str:
    parts = [f"{count} × {kind}" for kind, count in refused.items()]
    parts += [f"{damaged} damaged DICOM file{'s' if damaged != 1 else ''}"] if damaged else []
    return f'The folder "{folder}" holds no DICOM image' + (f", only {', '.join(parts)}." if parts else ".")
