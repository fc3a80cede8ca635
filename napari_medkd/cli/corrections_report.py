"""What ``medkd corrections`` prints for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from napari_medkd.cli.reports import Report
from napari_medkd.corrections.record import Record  # noqa: TC001 - pydantic reads the annotation
from napari_medkd.corrections.split import Part  # noqa: TC001
from napari_medkd.corrections.summary import CaseSummary, ClassSummary  # noqa: TC001

if TYPE_CHECKING:
    from napari_medkd.corrections.store import CorrectionStore


class CorrectionsReport(Report):
    """What `medkd corrections list` prints."""

    objects: int = Field(description="Corrections that were asked for.")
    records: list[Record] = Field(description="The newest of them, newest first; see the option `--limit`.")
    classes: list[ClassSummary] = Field(description="All of them by class.")
    cases: list[CaseSummary] = Field(description="All of them by case.")


class CorrectionReport(Report):
    """What `medkd corrections show` prints."""

    record: Record = Field(description="The record.")
    part: Part = Field(description="What its case is for.")
    area: int = Field(description="Pixels of the accepted mask.")


class ImportReport(Report):
    """What `medkd corrections import` prints."""

    added: int = Field(description="Corrections that are new.")
    known: int = Field(description="Corrections that were there already.")
    images: int = Field(description="Images that were read.")
    problems: list[str] = Field(description="What was left out, and why.")


class CorrectionsExportReport(Report):
    """What `medkd corrections export` prints."""

    folder: str = Field(description="Where to.")
    images: int = Field(description="Slices that were written.")
    classes: dict[str, int] = Field(description="Name of each class → its value in the masks.")
    problems: list[str] = Field(description="What was left out, and why.")


class DeletionReport(Report):
    """What `medkd corrections delete` prints."""

    deleted: int = Field(description="Records that were removed.")
    left: int = Field(description="Records that are left, withdrawn ones included.")


def shown(store: CorrectionStore, name: str) -> CorrectionReport:
    """Look up one record and its mask."""
    record = store.record(name)
    return CorrectionReport(
        record=record, part=store.part_of(record.case), area=int(store.accepted(record).sum())
    )
