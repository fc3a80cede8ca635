"""How a batch went, for people and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from napari_medkd.batch.ledger import read_rows
from napari_medkd.batch.report import PAGE, TABLE
from napari_medkd.batch.run import config_of
from napari_medkd.cli.reports import Report
from napari_medkd.runs.events import Finished
from napari_medkd.runs.stream import newest_first

if TYPE_CHECKING:
    from napari_medkd.runs import RunHandle

_LISTED = 1000


class FailureReport(BaseModel):
    """One image of a batch that has no mask."""

    image: str = Field(description="Its path below the folder of images.")
    reason: str = Field(description="Why it failed.")
    hint: str = Field(description="What to do about it; may be empty.")


class BatchReport(Report):
    """What `medkd batch` prints."""

    run: str = Field(description="Id of the run.")
    status: Literal["running", "finished", "failed", "stopped", "crashed"] = Field(
        description="How it stands."
    )
    masks: str = Field(description="Folder of the masks.")
    table: str | None = Field(description="The table of all images; null before the first report.")
    page: str | None = Field(description="The report to read in a browser; null before the first.")
    done: int = Field(description="Images with a mask of this plan, those of earlier runs included.")
    failed: int = Field(description="Images without a mask, though they should have one.")
    skipped: int = Field(description="What was left out: no image, no box, a mask of another origin.")
    images_per_second: float | None = Field(description="How quickly this run went; null before its end.")
    failures: list[FailureReport] = Field(description=f"The first {_LISTED} that failed.")


def describe(handle: RunHandle) -> BatchReport:
    """Say how a batch stands, from its folder of masks and its last events."""
    target = Path(config_of(handle.spec).target)
    last = next(newest_first(handle.folder), None)
    summary = last.summary if isinstance(last, Finished) else {}
    rows = read_rows(target)
    counts = {status: sum(row.status == status for row in rows) for status in ("done", "failed", "skipped")}
    counts |= {name: int(summary[name]) for name in counts if name in summary}
    table, page = (str(target / name) if (target / name).exists() else None for name in (TABLE, PAGE))
    return BatchReport(
        run=handle.id,
        status=handle.status,
        masks=str(target),
        table=table,
        page=page,
        **counts,
        images_per_second=summary.get("images_per_second"),
        failures=[
            FailureReport(image=row.name, reason=row.reason, hint=row.hint)
            for row in rows
            if row.status == "failed" and row.run == handle.id
        ][:_LISTED],
    )


def facts(report: BatchReport, detached: bool) -> dict[str, str]:
    """Return the same for people."""
    if detached:
        return {
            "Run": report.run,
            "Follow it": f"medkd runs watch {report.run}",
            "Stop it": f"medkd runs stop {report.run}",
        }
    counts = f"{report.done} segmented, {report.failed} failed, {report.skipped} skipped"
    rate = f", {report.images_per_second:.2f} images/s" if report.images_per_second else ""
    found = {"Images": counts + rate, "Masks": report.masks, "Report": report.page or ""}
    return {label: value for label, value in found.items() if value}
