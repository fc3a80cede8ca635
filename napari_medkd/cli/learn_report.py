"""What ``medkd learn`` prints for programs."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from napari_medkd.cli.reports import Report
from napari_medkd.learning import Collected, Decision  # noqa: TC001 - pydantic reads the annotations
from napari_medkd.runs import Comparison  # noqa: TC001

if TYPE_CHECKING:
    from napari_medkd.learning import LearningRun


class LearningRunReport(Report):
    """One run that learns or has learnt."""

    id: str = Field(description="Name of the run: that of its folder.")
    folder: str = Field(description="Where it is.")
    method: str = Field(description="Name of the method.")
    base: str = Field(description="Id of the model that learns.")
    model: str = Field(description="Id of the model that comes of it.")
    status: Literal["waiting", "running", "finished", "failed", "stopped", "crashed"] = Field(
        description="How it stands; waiting where another run has to end first."
    )
    corrections: int = Field(description="Corrections that it learns from, held-out ones included.")
    decision: Literal["", "used", "kept"] = Field(
        description="Whether its model was taken into use, or the old one kept; empty before the choice."
    )
    verdict: Literal["", "better", "worse", "unclear", "unmeasured"] = Field(
        description="What held-out cases say; empty before the comparison."
    )
    forgets: bool = Field(description="Whether other kinds of images are answered worse than allowed.")


class LearnStatusReport(Report):
    """What `medkd learn status` prints."""

    model: str = Field(description="Id of the model in use.")
    looks: str = Field(description="Id of the model that looks for objects by itself.")
    rolls_back_to: str = Field(description="Id of the model that a roll back would bring; empty for none.")
    collected: Collected = Field(description="What there is to learn from.")
    runs: list[LearningRunReport] = Field(description="The runs, the newest first.")
    decisions: list[Decision] = Field(description="What was decided, the newest first.")


class LearnComparisonReport(Report):
    """What `medkd learn compare` prints."""

    run: LearningRunReport = Field(description="The run.")
    comparison: Comparison = Field(description="Both models on the same objects.")


class ModelInUseReport(Report):
    """What `medkd learn use`, `keep` and `rollback` print."""

    model: str = Field(description="Id of the model in use now.")
    before: str = Field(description="Id of the one that was in use.")
    role: Literal["answers", "looks"] = Field(
        description="What for: the default model, which answers clicks, or the one that looks."
    )


class PreparedReport(Report):
    """What `medkd learn start --prepare` prints."""

    folder: Path = Field(description="The run, ready to be taken to another computer.")


class RankedCase(BaseModel):
    """One image of a folder, by how useful its correction would be."""

    name: str = Field(description="Its path below the folder.")
    usefulness: float | None = Field(description="From 1, the first to correct, to 0; null where unread.")
    remark: str = Field(description="How sure the model is of it, or why it cannot be read.")


class RankingReport(Report):
    """What `medkd learn next` prints."""

    model: str = Field(description="Id of the model that looked.")
    cases: list[RankedCase] = Field(description="The images, the most useful first; unreadable ones last.")


def learning_report(found: LearningRun) -> LearningRunReport:
    """Say how a run stands."""
    spec, comparison = found.handle.spec, found.comparison
    assert spec.learning is not None
    return LearningRunReport(
        id=found.handle.id,
        folder=str(found.handle.folder),
        method=spec.learning.method,
        base=spec.base,
        model=found.model,
        status=found.stand,
        corrections=len(spec.learning.corrections),
        decision=found.decision,
        verdict=comparison.verdict if comparison is not None else "",
        forgets=comparison.forgets if comparison is not None else False,
    )
