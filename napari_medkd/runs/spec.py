"""What a run is asked to do: ``run.json``, enough to start it again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd import __version__
from napari_medkd.errors import StorageError, UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

FILE = "run.json"


class Learning(BaseModel):
    """Which corrections a run learns from, and what its model has to stand beside afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = Field("", description="Name of the method that was chosen; empty for a recipe's own.")
    corrections: dict[str, str] = Field(
        default_factory=dict, description="Id → fingerprint of each correction as it was when the run began."
    )
    against: str = Field("", description="Id of the model that the new one is compared with.")
    replay: tuple[str, ...] = Field(
        (), description="Folders of images, beside those that ship, that must not be forgotten."
    )
    in_turn: bool = Field(True, description="Whether it waits until runs that were asked for before end.")


class RunSpec(BaseModel):
    """What a run is asked to do; it does not change once the run was started."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(1, description="Version of this form.")
    recipe: str = Field(min_length=1, title="Recipe", description="Name of the recipe.")
    options: dict[str, Any] = Field(
        default_factory=dict, title="Options", description="Settings of the recipe, as its configuration."
    )
    data: tuple[str, ...] = Field(
        (), title="Training data", description="Folders of images with their masks, labels or instances."
    )
    validation: tuple[str, ...] = Field(
        (),
        title="Validation data",
        description="Folders to validate on; the validation cases of the training data if empty.",
    )
    base: str = Field(
        "", title="Base model", description="Id of the model to start from; the recipe's if empty."
    )
    seed: int = Field(0, ge=0, lt=2**32, title="Seed", description="Start of everything that is random.")
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda or cuda:N; auto takes a GPU where there is one."
    )
    devices: int = Field(
        1, ge=1, le=1024, title="Devices", description="How many GPUs or processes work together."
    )
    precision: str = Field(
        "auto", title="Precision", description="auto, 32, bf16 or fp16; auto takes what the device does best."
    )
    learning: Learning | None = Field(
        None, title="Learning", description="Where it learns from corrections; null for any other run."
    )
    created: datetime = Field(
        default_factory=lambda: datetime.now(UTC).replace(microsecond=0), description="When it was asked for."
    )
    version: str = Field(__version__, description="The napari-medkd that was asked.")

    def save(self, folder: Path) -> None:
        """Write ``run.json`` into a folder that is made for it and holds no other run."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / FILE).open("x", encoding="utf-8") as file:
                file.write(self.model_dump_json(indent=2) + "\n")
        except FileExistsError as error:
            raise StorageError(
                f"{folder} holds a run already.", "Choose another folder, or resume that run."
            ) from error
        except OSError as error:
            raise StorageError(
                f"The run could not be written to {folder}: {error.strerror or error}.",
                "Choose another folder with --out, or free some space.",
            ) from error

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the ``run.json`` of a run."""
        path = folder / FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UnreadableFile(
                f"There is no run in {folder}: {FILE} cannot be read.", "See: medkd runs list"
            ) from error
        except ValidationError as error:
            found = error.errors()[0]
            place = ".".join(map(str, found["loc"])) or "the file"
            raise UnreadableFile(
                f"{path} does not describe a run: {place}: {found['msg'].lower()}.",
                "It may come from another version of napari-medkd.",
            ) from error
