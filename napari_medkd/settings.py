"""Where napari-medkd keeps its files and what the user chose, in one small JSON file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.errors import StorageError

APP = "napari-medkd"
OURS = "medkd-fast"  # the student that answers clicks
LOOKER = "medkd-auto"  # the student that works by itself
_SHIPPED = Path(__file__).parent / "models" / "weights"


def home() -> Path:
    """Return the folder of everything we write; ``MEDKD_HOME`` overrides the user's data folder."""
    override = os.environ.get("MEDKD_HOME")
    return Path(override).expanduser() if override else Path(platformdirs.user_data_dir(APP, appauthor=False))


def first_model() -> str:
    """Return the model to start with where none was chosen: our own where it is there, else LiteMedSAM."""
    places = (_SHIPPED, home() / "models")
    return OURS if any((place / OURS / "card.json").is_file() for place in places) else "litemedsam"


class Settings(BaseModel):
    """Choices that outlive a session."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    schema_version: Literal[1] = 1
    default_model: str = Field(
        default_factory=first_model,
        title="Default model",
        description="The model that a new session starts with.",
    )
    looking_model: str = Field(
        LOOKER,
        title="Model that looks",
        description="The model that looks for objects by itself, beside the one that answers clicks.",
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda or cuda:N; auto takes a GPU where there is one."
    )
    runtime: Literal["auto", "onnx", "torch"] = Field(
        "auto",
        title="Runtime",
        description="What runs the model; auto takes ONNX Runtime on a CPU and torch on a GPU.",
    )
    threads: int = Field(
        0, ge=0, le=256, title="Threads", description="CPU threads for inference; 0 takes one per core."
    )
    embedding_cache_mb: int = Field(
        512, ge=16, title="Embedding cache (MB)", description="Memory for the slices already encoded."
    )
    embedding_disk_mb: int = Field(
        1024,
        ge=0,
        title="Embeddings on disk (MB)",
        description="Encoded slices kept for the next time an image is opened; 0 keeps none.",
    )
    undo_mb: int = Field(
        256, ge=1, title="Undo memory (MB)", description="Memory for undo steps; the oldest go first."
    )
    offline_folder: str = Field(
        "", title="Offline model folder", description="Looked into for checkpoint files before any download."
    )
    collect_corrections: bool = Field(
        False,
        title="Collect corrections",
        description="Keep what is committed, with its slice, so that a model can learn from it.",
    )
    corrections_database: str = Field(
        "",
        title="Corrections of a team",
        description="postgresql://USER@HOST/NAME; empty keeps them in a file on this computer.",
    )
    corrections_arrays: str = Field(
        "",
        title="Images of the corrections",
        description="Folder or URL that the whole team reaches; empty keeps them beside the file.",
    )
    annotator: str = Field(
        "", title="Annotator", description="Kept with each correction; empty says nothing of who made it."
    )

    @classmethod
    def load(cls) -> Settings:
        """Read the settings file; a missing one gives the defaults, a damaged one is set aside."""
        path = home() / "settings.json"
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except ValueError:
            path.replace(path.with_suffix(".damaged.json"))
            return cls()

    def save(self) -> None:
        """Write the settings file in one step (temporary file, then rename)."""
        path = home() / "settings.json"
        temporary = path.with_suffix(".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            raise StorageError(
                f"The settings could not be written to {path}: {error}.",
                "Free some space or set MEDKD_HOME to a folder that can be written.",
            ) from error
