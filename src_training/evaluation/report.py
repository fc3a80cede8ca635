"""What an evaluation says: one object a JSON file, with a row for every object that was asked for."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Prompts = Literal["box", "click", "auto"]
Number = Annotated[
    float | None, BeforeValidator(lambda x: None if isinstance(x, float) and math.isnan(x) else x)
]
"""A number, null in JSON where there is none."""


class Part(BaseModel):
    """A piece of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Scores(Part):
    """How well a mask agrees with the truth, at the image's own resolution."""

    dice: float = Field(ge=0, le=1, description="Dice's coefficient.")
    iou: float = Field(ge=0, le=1, description="Intersection over union.")
    hd95: float = Field(ge=0, description="Hausdorff distance, 95th percentile, in `unit`.")
    nsd: float = Field(ge=0, le=1, description="Normalised surface Dice at a tolerance of 2 of `unit`.")


class Clicks(Part):
    """What happened click by click; the list ends where the user stopped."""

    dice: list[float] = Field(description="Dice after each click.")
    iou: list[float] = Field(description="Intersection over union after each click.")
    noc: dict[int, int] = Field(
        description="Percent of intersection over union → clicks to reach it; the cap where it was missed."
    )
    failed: dict[int, bool] = Field(description="Percent → whether it was missed.")


class Row(Part):
    """One object on one slice."""

    set: str = Field(description="Folder of the data set.")
    case: str = Field(description="The image's file name without its ending.")
    axis: int = Field(description="Axis across which the slice lies: 0 is z.")
    slice: int = Field(description="Its index along that axis.")
    object: str = Field(description="Id of the object in its slice, or its rank by size from 1.")
    pixels: int = Field(description="Its size.")
    unit: Literal["px", "mm"] = Field(description="What distances are in.")
    model: Scores = Field(description="The model's first answer.")
    filled_box: Scores = Field(description="The prompt box, filled; for clicks the object's tight box.")
    ellipse: Scores = Field(description="The largest ellipse in that box.")
    clicks: Clicks | None = Field(None, description="With click prompts only.")


class Summary(Part):
    """One figure of one set."""

    n: int = Field(description="Objects.")
    cases: int = Field(description="Images or volumes that they come from.")
    mean: Number = Field(description="Over objects; null where there are none.")
    median: Number = Field(description="Over objects.")
    low: Number = Field(description="Lower end of the 95 % bootstrap interval of the mean over cases.")
    high: Number = Field(description="Upper end; both null where there are fewer than two cases.")


class SetReport(Part):
    """One data set."""

    split: str = Field(description="The split that was taken; empty for every pair.")
    cases: int = Field(description="Cases that were gone through.")
    empty: int = Field(description="Cases without an object to ask for: an empty mask, or specks only.")
    objects: int = Field(description="Objects that were asked for.")
    figures: dict[str, Summary] = Field(
        description="dice, iou, hd95, nsd of the model's first answer, the same of `filled_box` and "
        "`ellipse` (`filled_box.dice`), and with clicks `dice@1`, `dice@3`, `dice@5`, `noc80`, `noc85`, "
        "`noc90`."
    )
    failures: dict[int, int] = Field(
        description="Percent of intersection over union → objects that never reached it."
    )


class EvaluationReport(Part):
    """What `medkd evaluate` writes."""

    schema_version: Literal[1] = 1
    version: str = Field(description="Version of napari-medkd.")
    model: str = Field(description="Id of the model.")
    runtime: str = Field(description="What ran it.")
    prompts: Prompts = Field(description="What the model was given.")
    noisy: bool = Field(description="Whether boxes and clicks were those of a hand that slips.")
    cap: int = Field(description="The most clicks an object was given; what a miss counts as.")
    seed: int = Field(description="Of the noise and the intervals.")
    unanswered: str = Field("", description="Why the model was not asked, where it was not: box only.")
    embed_seconds: Number = Field(description="Median time to encode a slice.")
    answer_seconds: Number = Field(description="Median time to answer a prompt.")
    sets: dict[str, SetReport] = Field(description="Name of the folder → its figures.")
    rows: list[Row] = Field(description="Every object that was asked for.")
