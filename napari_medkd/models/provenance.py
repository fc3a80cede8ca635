"""Where a model that learnt from corrections comes from: ``provenance.json`` in its package."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd import __version__
from napari_medkd.errors import ModelUnavailable
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

FILE = "provenance.json"


class Provenance(BaseModel):
    """The chain of a model: its parent, what it learnt from, how, and where chance began."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(1, description="Version of this form.")
    parent: str = Field("", description="Id of the model that it was made from.")
    parent_files: dict[str, str] = Field(
        default_factory=dict, description="Files of the parent, as its card has them: name → SHA-256."
    )
    corrections: dict[str, str] = Field(
        default_factory=dict, description="Id → fingerprint of each correction that was at hand."
    )
    replay: tuple[str, ...] = Field((), description="Digests of the images that were rehearsed.")
    recipe: str = Field("", description="Name of the recipe.")
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of the recipe.")
    seed: int = Field(0, description="Start of everything that was random.")
    version: str = Field(__version__, description="The napari-medkd that made it.")

    @property
    def digest(self) -> str:
        """A digest of the corrections, in any order."""
        said = "".join(f"{name}:{mark}\n" for name, mark in sorted(self.corrections.items()))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def save(self, folder: Path) -> None:
        """Write ``provenance.json`` into a package."""
        (folder / FILE).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file of a package."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ModelUnavailable(
                f"The {FILE} of a model cannot be read.", "Remove the model and add it again."
            ) from error


def provenance_of(model_id: str, store: ModelStore | None = None) -> Provenance:
    """Return where an installed model comes from; an empty chain for one that learnt from no correction."""
    path = (store or ModelStore()).files(model_id).get(FILE)
    return Provenance() if path is None else Provenance.load(path)
