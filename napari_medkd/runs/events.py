"""What a run tells: one small JSON object a line, of a few kinds."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


class _Event(BaseModel):
    # A newer writer may say more than this reader knows. A loss that is not a number must arrive as such:
    # JSON has no word for it, so it travels as the string "NaN".
    model_config = ConfigDict(extra="ignore", frozen=True, ser_json_inf_nan="strings")

    v: Literal[1] = Field(1, description="Version of the form; a line of another version is passed over.")
    t: float = Field(default_factory=time.time, description="When it was written, in seconds since 1970.")


class Started(_Event):
    """A process was started for the run, for the first time or to resume it; what ended before is undone."""

    kind: Literal["started"] = "started"
    resumed: bool = Field(False, description="Whether the run goes on from its last checkpoint.")


class Stage(_Event):
    """A stage begins."""

    kind: Literal["stage"] = "stage"
    name: str = Field(description="Name of the stage, unique in the run.")
    index: int = Field(ge=0, description="Its number, from 0.")
    count: int = Field(ge=1, description="How many stages the run has.")
    steps: int = Field(ge=0, description="Its length in optimiser steps; 0 where it has none.")


class Progress(_Event):
    """How far a stage has come; written at most a few times a second."""

    kind: Literal["progress"] = "progress"
    stage: str = Field(description="Name of the stage.")
    step: int = Field(ge=0, description="Steps that are done.")
    total: int = Field(ge=0, description="Steps of the stage; 0 where it is not known.")
    seconds_left: float | None = Field(None, description="Estimate for the stage; null while there is none.")


class Metric(_Event):
    """Numbers of one moment: the parts of the loss, or scores of validation."""

    kind: Literal["metric"] = "metric"
    stage: str = Field(description="Name of the stage.")
    step: int = Field(ge=0, description="Step of the stage after which they were measured.")
    values: dict[str, float] = Field(description="Name → number; a series is drawn for each name.")


class Warning(_Event):  # noqa: A001 - the kind of event is called so; import the module to keep the builtin
    """Something that the user should know and that stops nothing."""

    kind: Literal["warning"] = "warning"
    message: str = Field(description="One sentence.")
    hint: str = Field("", description="What to do about it; may be empty.")


class CheckpointSaved(_Event):
    """The run can go on from here."""

    kind: Literal["checkpoint"] = "checkpoint"
    path: str = Field(description="The file, relative to the run's folder.")
    step: int = Field(ge=0, description="Step of the stage after which it was saved.")


class ModelExported(_Event):
    """A model package is ready to be used."""

    kind: Literal["model_exported"] = "model_exported"
    id: str = Field(description="Id of the model.")
    path: str = Field(description="Its folder, relative to the run's folder where it lies inside.")


class Previewed(_Event):
    """A picture shows what the model in the making answers now."""

    kind: Literal["preview"] = "preview"
    stage: str = Field(description="Name of the stage.")
    step: int = Field(ge=0, description="Step of the stage after which it was drawn.")
    path: str = Field(description="The PNG file, relative to the run's folder.")


class Compared(_Event):
    """The new model was compared with the old one; whether to use it is up to the user."""

    kind: Literal["compared"] = "compared"
    path: str = Field(description="The comparison, a JSON file, relative to the run's folder.")
    verdict: Literal["better", "worse", "unclear", "unmeasured"] = Field(
        description="What held-out cases say of the answer to the first click."
    )
    forgets: bool = Field(description="Whether other kinds of images are answered worse than allowed.")


class ItemDone(_Event):
    """One image of a batch is dealt with; its row is in the report."""

    kind: Literal["item"] = "item"
    index: int = Field(ge=0, description="Its number in the batch, from 0.")
    status: Literal["done", "failed", "skipped"] = Field(description="What became of it.")
    confidence: float | None = Field(
        None, description="How sure the model is of its mask, 0 to 1; null where there is none."
    )


class Finished(_Event):
    """The run reached its end; the last event of a run that did."""

    kind: Literal["finished"] = "finished"
    summary: dict[str, float] = Field(default_factory=dict, description="The figures that it ends with.")


class Failed(_Event):
    """The run cannot go on; the last event of a run that failed."""

    kind: Literal["failed"] = "failed"
    message: str = Field(description="One sentence: what was seen and what was expected.")
    hint: str = Field("", description="What to do about it; may be empty.")


Event = (
    Started
    | Stage
    | Progress
    | Metric
    | Warning
    | CheckpointSaved
    | ModelExported
    | Previewed
    | Compared
    | ItemDone
    | Finished
    | Failed
)
KINDS: tuple[type[Event], ...] = (
    Started,
    Stage,
    Progress,
    Metric,
    Warning,
    CheckpointSaved,
    ModelExported,
    Previewed,
    Compared,
    ItemDone,
    Finished,
    Failed,
)
_ANY: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def parse(line: bytes) -> Event | None:
    """Read one line; None for a torn one, an unknown kind or another version."""
    try:
        return _ANY.validate_json(line)
    except ValidationError:
        return None
