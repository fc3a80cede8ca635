"""What ``--json`` prints: the models that programs may rely on, and the reference is made from."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Report(BaseModel):
    """One JSON object on standard output."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1


class WindowReport(BaseModel):
    """An intensity window."""

    low: float = Field(description="Stored value that is shown black.")
    high: float = Field(description="Stored value that is shown white.")
    name: str = Field(description="What it is called or how it was guessed.")


class InfoReport(Report):
    """What `medkd info` prints: the image as it was understood, with nothing that names the patient."""

    shape: tuple[int, int, int] = Field(description="Voxels along (z, y, x); one slice for a picture.")
    channels: int = Field(description="3 for colour, 1 otherwise.")
    dtype: str = Field(description="Type of the stored values.")
    spacing_mm: tuple[float, float, float] | None = Field(
        description="Millimetres between voxels along (z, y, x); null where the file does not say."
    )
    orientation: str | None = Field(
        description="Where z, y and x lead, as anatomical letters (SPL); null where the file does not say."
    )
    oblique: bool = Field(description="Whether an axis leans from the anatomical ones.")
    affine: list[list[float]] | None = Field(
        description="4 by 4, (z, y, x, 1) index to (R, A, S, 1) millimetres; null where not in the file."
    )
    modality: str = Field(description="CT, MR, US, …; RGB or GRAY for pictures.")
    window: WindowReport = Field(description="The intensity window that was guessed.")
    notes: list[str] = Field(description="What was chosen in reading, for people.")


class ClickReport(BaseModel):
    """One click."""

    x: float
    y: float
    positive: bool = Field(description="True inside the object, false outside it.")


class FollowedSlice(BaseModel):
    """One slice of an object that was followed through the volume."""

    slice: int = Field(description="Its index.")
    confidence: float | None = Field(
        description="How sure it is, 0 to 1; null for the slice that was prompted."
    )


class EndReport(BaseModel):
    """Where an object ends, on one side."""

    slice: int = Field(description="The last slice that it was found on.")
    why: str = Field(description="Why it was followed no further.")


class FollowedReport(BaseModel):
    """An object that was followed through the volume."""

    slices: list[FollowedSlice] = Field(description="The slices that it is on, rising.")
    ends: list[EndReport] = Field(description="Where and why it ends.")
    voxels: int = Field(description="Voxels of the whole object.")
    ml: float | None = Field(description="Their volume; null where the file gives no spacing.")


class SegmentReport(Report):
    """What `medkd segment` prints."""

    model: str = Field(description="Id of the model that answered.")
    runtime: str = Field(description="What ran it.")
    axis: Literal["z", "y", "x"] = Field(description="The axis that the slice lies across.")
    slice: int = Field(description="Index of the slice along that axis.")
    box: tuple[float, float, float, float] | None = Field(description="The box prompt: x0, y0, x1, y1.")
    points: list[ClickReport] = Field(description="The point prompts.")
    window: WindowReport = Field(description="The intensity window that the model saw.")
    score: float | None = Field(description="The model's own estimate of the mask's overlap with the truth.")
    pixels: int = Field(description="Pixels in the mask.")
    area_mm2: float | None = Field(description="Their area; null where the file gives no spacing.")
    bounds: tuple[int, int, int, int] = Field(description="Tight box of the mask: x0, y0, x1, y1, inclusive.")
    volume: FollowedReport | None = Field(
        None, description="With --propagate: the whole object; the other figures are of the prompted slice."
    )
    mask: str = Field(description="Where the mask was written.")
    overlay: str | None = Field(description="Where the overlay was written.")
    seconds: dict[Literal["read", "load", "segment"], float] = Field(
        description="Time to read the image, to load the model, and to encode and answer."
    )


class FoundReport(BaseModel):
    """What a model found of one target."""

    name: str = Field(description="What it looked for.")
    value: int = Field(description="Its class in the mask.")
    score: float = Field(
        description="The overlap with the truth to expect; where nothing was found, how sure that is."
    )
    pixels: int = Field(description="Pixels of that class; 0 where nothing was found.")
    area_mm2: float | None = Field(description="Their area; null where the file gives no spacing.")
    bounds: tuple[int, int, int, int] | None = Field(
        description="Their tight box: x0, y0, x1, y1, inclusive; null where nothing was found."
    )


class SuggestReport(Report):
    """What `medkd segment --auto` prints, and `--everything`."""

    model: str = Field(description="Id of the model.")
    runtime: str = Field(description="What ran it.")
    axis: Literal["z", "y", "x"] = Field(description="The axis that the slice lies across.")
    slice: int = Field(description="Index of the slice along that axis.")
    window: WindowReport = Field(description="The intensity window that the model saw.")
    modality: str = Field(
        description="The kind of image that it was taken for; empty where the model tells none apart."
    )
    modalities: dict[str, float] = Field(
        description="How likely the slice is of each kind that the model knows, the likeliest first."
    )
    found: list[FoundReport] = Field(
        description="One a target of the model, in the order of its card; of everything, one an object, the "
        "surest first."
    )
    mask: str = Field(description="Where the mask was written.")
    overlay: str | None = Field(description="Where the overlay was written.")
    seconds: dict[Literal["read", "load", "segment"], float] = Field(
        description="Time to read the image, to load the model, and to encode and answer."
    )


class ModelReport(Report):
    """One model, as `medkd models list`, `show`, `add` and `fetch` print it."""

    id: str
    title: str
    description: str
    installed: bool = Field(description="Whether its weights are on this computer.")
    default: bool = Field(description="Whether a session starts with it.")
    onnx: bool = Field(description="Whether it can run on ONNX Runtime, without torch.")
    capabilities: list[str] = Field(description="Kinds of prompt that it understands.")
    targets: list[str] = Field([], description="What it looks for where it needs no prompt.")
    modalities: list[str] = Field(description="What it was trained on.")
    helpers: dict[str, str] = Field({}, description="What other models do for it, and their ids.")
    parameters: int = Field(description="Number of parameters; 0 where unknown.")
    licence: str = Field(description="Licence of the weights.")
    commercial_use: bool = Field(description="False where that licence forbids it.")
    source: str = Field(description="Where the weights come from.")


class ModelsReport(Report):
    """What `medkd models list` prints."""

    models: list[ModelReport]


class ExportReport(Report):
    """What `medkd export` prints."""

    model: str = Field(description="Id of the exported model.")
    files: dict[str, str] = Field(description="File name → where it was written.")
