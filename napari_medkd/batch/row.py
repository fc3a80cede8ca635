"""What became of one image: a row of the report."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["begun", "done", "failed", "skipped"]


class Measure(BaseModel):
    """One object: a connected part of a class. Lengths are in `unit`, areas and volumes in its powers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: int = Field(description="Value of its class in the mask.")
    name: str = Field(description="What the class is.")
    number: int = Field(
        description="Number of the object among those of its class, from 1, the largest first."
    )
    unit: Literal["mm", "px"] = Field(description="mm where the file gives a spacing, else pixels.")
    voxels: int = Field(description="Pixels or voxels.")
    size: float = Field(description="Area of an object in a picture or one slice, volume in several slices.")
    dimensions: Literal[2, 3] = Field(description="Whether `size` is an area or a volume.")
    longest_diameter: float = Field(
        description="Longest straight line across it, on the slice where it is largest."
    )
    equivalent_diameter: float = Field(description="Diameter of the disc or ball of the same size.")
    centre: tuple[float, float, float] = Field(description="Its centre (z, y, x), voxel index from 0.")
    first_slice: int = Field(description="First slice that it is on.")
    last_slice: int = Field(description="Last slice that it is on.")


class Class(BaseModel):
    """All that was found of one class in an image."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: int = Field(description="Its value in the mask.")
    name: str = Field(description="What it is.")
    voxels: int = Field(description="Pixels or voxels.")
    size: float = Field(description="Area of a picture or one slice, volume of several, in powers of `unit`.")


class Row(BaseModel):
    """One image of a batch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(1, description="Version of this form.")
    name: str = Field(
        description="Path of the image in its folder; of a DICOM series, its folder and a name."
    )
    key: str = Field(description="Digest of image, boxes, model and settings; empty where none was needed.")
    run: str = Field(description="Id of the run that made it.")
    status: Status = Field(description="What became of it; begun where its mask was being made.")
    reason: str = Field("", description="Why it failed or was skipped.")
    hint: str = Field("", description="What to do about it; may be empty.")
    output: str = Field("", description="Its mask, relative to the folder of masks.")
    model: str = Field("", description="Id of the model.")
    modality: str = Field("", description="What kind of image it was taken for.")
    shape: tuple[int, int, int] | None = Field(None, description="(z, y, x) voxels.")
    unit: Literal["mm", "px"] = Field("px", description="mm where the file gives a spacing, else pixels.")
    confidence: float | None = Field(
        None, description="Overlap with the truth that the model expects, 0 to 1; null where it says nothing."
    )
    classes: tuple[Class, ...] = Field((), description="What was found.")
    measures: tuple[Measure, ...] = Field((), description="Its objects, where they were measured.")
    thumbnail: str = Field("", description="A small picture with the outlines, relative to the folder.")
    overlay: str = Field("", description="A larger one, where overlays were asked for.")
    notes: tuple[str, ...] = Field((), description="What was chosen in reading, for people.")
    seconds: float = Field(0.0, description="Time from reading to writing.")
    read_seconds: float = Field(0.0, description="The part of it that reading took.")
