"""How a run stands, for people and for programs."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_medkd.cli.reports import Report
from napari_medkd.runs.events import Failed, Finished, ModelExported, Progress, Stage, Started
from napari_medkd.runs.stream import newest_first

if TYPE_CHECKING:
    from napari_medkd.runs import RunHandle


class RunReport(Report):
    """One run, as `medkd train`, `medkd runs list` and `stop` print it."""

    id: str = Field(description="Name of the run: that of its folder.")
    folder: str = Field(description="Where it is.")
    recipe: str = Field(description="Name of its recipe.")
    status: Literal["running", "finished", "failed", "stopped", "crashed"] = Field(
        description="How it stands; crashed where its process is gone without a word."
    )
    created: datetime = Field(description="When it was asked for.")
    stage: str = Field(description="The stage that it came to; empty before the first.")
    step: int = Field(description="Steps of that stage that are done.")
    total: int = Field(description="Steps of that stage; 0 where it is not known.")
    seconds_left: float | None = Field(description="Estimate for that stage; null where there is none.")
    model: str = Field(description="Id of the model that it exported last; empty where it did not.")
    summary: dict[str, float] = Field(description="The figures that it finished with.")
    message: str = Field(description="Why it failed; empty where it did not.")


class RunsReport(Report):
    """What `medkd runs list` prints."""

    runs: list[RunReport]


def report(handle: RunHandle) -> RunReport:
    """Say how a run stands, from its process and its last events."""
    status = handle.status
    place, last, model = Progress(stage="", step=0, total=0), None, ""
    for event in newest_first(handle.folder):
        last = last or event
        if isinstance(event, Started):
            break
        if isinstance(event, ModelExported):
            model = model or event.id
        elif isinstance(event, Progress) and not place.stage:
            place = event
        elif isinstance(event, Stage) and not place.stage:
            place = Progress(stage=event.name, step=0, total=event.steps)
    return RunReport(
        id=handle.id,
        folder=str(handle.folder),
        recipe=handle.spec.recipe,
        status=status,
        created=handle.spec.created,
        stage=place.stage,
        step=place.step,
        total=place.total,
        seconds_left=place.seconds_left if status == "running" else None,
        model=model,
        summary=last.summary if isinstance(last, Finished) else {},
        message=last.message if isinstance(last, Failed) else "",
    )


def progress_words(found: RunReport) -> str:
    """Return how far a run has come: ``masks 120/4000``."""
    if not found.stage:
        return ""
    return f"{found.stage} {found.step}/{found.total}" if found.total else f"{found.stage} {found.step}"
