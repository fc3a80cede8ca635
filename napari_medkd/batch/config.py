"""What a batch is asked to do: the options of its run."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard

RECIPE = "batch"
_DECIDING = {"axis", "clean", "format", "measure", "modality", "overlay", "threshold", "tile", "window"}


class BatchConfig(BaseModel):
    """A folder of images, a model, and how the masks are made and written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(1, description="Version of this form.")
    source: str = Field(title="Images", description="Folder of images, looked through with its sub-folders.")
    target: str = Field(title="Masks", description="Folder that masks and report are written to.")
    model: str = Field(title="Model", description="Id of an installed model.")
    modality: str = Field(
        "auto",
        title="Modality",
        description="What kind of image all of them are, in the words of the model's card; auto finds out.",
    )
    prompts: str = Field(
        "", title="Boxes", description="CSV file with the boxes of the images, for a model that needs them."
    )
    pattern: tuple[str, ...] = Field(
        (), title="Pattern", description="Only images whose path in the folder fits one of these, as *.png."
    )
    format: str = Field("auto", title="Format", description="Of the masks; auto keeps to that of the image.")
    existing: Literal["refuse", "overwrite", "skip"] = Field(
        "refuse",
        title="Masks that exist",
        description="What is done about masks that were not made by this batch.",
    )
    axis: Literal["z", "y", "x"] = Field(
        "z", title="Axis", description="Axis across which the slices of a volume lie; z is the file's last."
    )
    window: tuple[float, float] | None = Field(
        None, title="Window", description="Stored values shown black and white; guessed for each if null."
    )
    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        title="Threshold",
        description="Probability that makes a pixel part of the object; the card's if null.",
    )
    clean: Literal["none", "small", "largest"] = Field(
        "small",
        title="Clean up volumes",
        description="Of what was found without a prompt in a volume, leave out nothing, parts much smaller "
        "than the largest, or all but the largest.",
    )
    tile: int = Field(
        4096,
        ge=0,
        title="Tile (pixels)",
        description="Slices longer than this are seen in overlapping tiles of this side; 0 never.",
    )
    overlay: bool = Field(
        False, title="Overlays", description="Draw pictures with the outlines of each mask."
    )
    measure: bool = Field(
        False, title="Measure", description="Measure each object: area or volume, diameters, position."
    )
    workers: int = Field(
        0,
        ge=0,
        le=1024,
        title="Processes",
        description="Worker processes; 0 takes one for each core, as far as the memory goes.",
    )
    cluster: str = Field(
        "", title="Cluster", description="Address of a Dask scheduler, or local; empty works without Dask."
    )
    device: str = Field("", title="Device", description="auto, cpu, cuda or cuda:N; the settings' if empty.")
    runtime: Literal["", "auto", "onnx", "torch"] = Field(
        "", title="Runtime", description="What runs the model; the settings' if empty."
    )

    def plan_id(self, card: ModelCard) -> str:
        """Return a digest of all that decides what a mask looks like, apart from the image itself."""
        deciding = self.model_dump(mode="json", include=_DECIDING)
        content = {"model": card.id, "files": card.files, "targets": card.model_dump(mode="json")["targets"]}
        return sha256(json.dumps([deciding, content], sort_keys=True).encode()).hexdigest()
