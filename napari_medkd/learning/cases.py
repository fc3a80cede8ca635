"""The images of a folder, or of a batch's report, to be worked through one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd import runs
from napari_medkd.batch import outputs
from napari_medkd.batch.ledger import FILE, FOLDER, read_rows
from napari_medkd.batch.scan import scan
from napari_medkd.errors import MedkdError, UnreadableFile
from napari_medkd.io import read_series, read_volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.batch.row import Row
    from napari_medkd.batch.scan import Source
    from napari_medkd.core.volume import Volume


@dataclass(frozen=True, slots=True)
class Case:
    """One image to look at.

    Parameters
    ----------
    name : str
        Its path below the folder.
    files : tuple of Path
        Where it is; several files are a DICOM series.
    mask : str
        What its mask is called below a folder of masks.
    confidence : float or None
        Overlap with the truth that a batch's model expects of its mask, 0 to 1.
    made : Path or None
        The mask that a batch made of it.
    problem : str
        Why a batch had none; empty where it had.
    """

    name: str
    files: tuple[Path, ...]
    mask: str
    confidence: float | None = None
    made: Path | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """What is worked through.

    Parameters
    ----------
    folder : Path
        The folder of images.
    cases : tuple of Case
        Its images, by folder and name.
    masks : Path
        Where masks of them go unless somebody says otherwise: beside the folder.
    """

    folder: Path
    cases: tuple[Case, ...]
    masks: Path


def in_folder(folder: Path, tell: Callable[[int], None] = lambda count: None) -> CaseFolder:
    """Look through a folder and all below it; nothing is opened but headers of DICOM files.

    Raises
    ------
    UnreadableFile
        There is no such folder, or no image in it.
    """
    masks = folder.with_name(f"{folder.name}-masks")
    cases = tuple(_case(source) for source in scan(folder, without=masks, tell=tell).sources)
    if not cases:
        raise UnreadableFile(
            f'There is no image in the folder "{folder.name}".',
            "Choose one with images or DICOM series.",
        )
    return CaseFolder(folder, cases, masks)


def in_report(target: Path, tell: Callable[[int], None] = lambda count: None) -> CaseFolder:
    """Return the images of a batch's report, with the confidence and the mask of each.

    Parameters
    ----------
    target : Path
        The folder of masks, or a file in it such as ``report.csv``.
    tell : callable
        Called with the number of images as it grows.

    Raises
    ------
    UnreadableFile
        No batch wrote into that folder, or its images are not where they were.
    """
    target = target if target.is_dir() else target.parent
    rows = {row.name: row for row in read_rows(target) if row.status in ("done", "failed")}
    if not rows:
        raise UnreadableFile(
            f'There is no report of a batch in the folder "{target.name}".',
            f"Choose the folder of masks that a batch wrote; it holds {FOLDER}/{FILE}.",
        )
    folder = _images_of(next(iter(rows.values())), target)
    found = {source.name: source for source in scan(folder, without=target, tell=tell).sources}
    cases = tuple(_reported(_case(found[name]), row, target) for name, row in rows.items() if name in found)
    if not cases:
        raise UnreadableFile(
            f'None of the {len(rows)} images of the report is in the folder "{folder.name}" any more.',
            "Put them back, or choose another report.",
        )
    return CaseFolder(folder, cases, target.with_name(f"{target.name}-corrected"))


def read(case: Case) -> Volume:
    """Read the image of a case; what is wrong with it is a MedkdError that says so."""
    volume = read_volume(case.files[0]) if len(case.files) == 1 else read_series(list(case.files))
    if 0 in volume.shape:
        raise UnreadableFile("The image has no pixels.", "Export it again.")
    return replace(volume, source=case.files[0])


def _case(source: Source) -> Case:
    suffix = outputs.choose(outputs.AUTO, source.suffix).suffix
    return Case(source.name, source.files, source.stem + suffix)


def _reported(case: Case, row: Row, target: Path) -> Case:
    made = target / row.output if row.status == "done" and row.output else None
    problem = f"{row.reason} {row.hint}".strip() if row.status == "failed" else ""
    return replace(case, confidence=row.confidence, made=made, problem=problem)


def _images_of(row: Row, target: Path) -> Path:
    """Return the folder of images of the run that wrote a row."""
    hint = "Choose the folder of images instead; the order by confidence is then not known."
    try:
        source = str(runs.RunSpec.load(runs.find(row.run)).options.get("source", ""))
    except MedkdError as error:
        raise UnreadableFile(
            f'The run that wrote the report in "{target.name}" is not on this computer any more.', hint
        ) from error
    folder = Path(source)
    if not source or not folder.exists():
        raise UnreadableFile("The folder of images that the report is about is not there any more.", hint)
    return folder if folder.is_dir() else folder.parent
