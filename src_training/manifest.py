"""What every stage of a run saw: the proof that nothing held out was among it.

Images are named by a digest of their pixels, so that the file names no patient and can still be checked by
whoever has the images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd.errors import InvalidSetting, UnreadableFile
from src_training.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from src_training.scenes import Scene

FILE = "manifest.json"


class Seen(BaseModel):
    """The images that one stage learnt from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labelled: tuple[str, ...] = Field((), description="Digests of the slices whose labels it saw.")
    unlabelled: tuple[str, ...] = Field((), description="Digests of the slices that it saw without labels.")
    synthetic: tuple[str, ...] = Field((), description="Digests of the images that were made up.")


class Manifest(BaseModel):
    """What a run learnt from, stage by stage, and what it was validated on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    stages: dict[str, Seen] = Field(default_factory=dict, description="Name of a stage → what it saw.")
    validation: tuple[str, ...] = Field(
        (), description="Digests of the slices that chose among its states; no stage learnt from them."
    )

    @property
    def learnt_from(self) -> set[str]:
        """Digests of everything that any stage learnt from."""
        return {
            digest
            for seen in self.stages.values()
            for digest in (*seen.labelled, *seen.unlabelled, *seen.synthetic)
        }

    def save(self, folder: Path) -> None:
        """Write ``manifest.json`` into a run's folder, unless it has learnt from what is held out."""
        both = self.learnt_from & set(self.validation)
        if both:
            raise InvalidSetting(
                f"{len(both)} validation images are among those that are learnt from.",
                "Remove the doubles from the data, or name them in one split only.",
            )
        write_text(folder / FILE, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of a run."""
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except (OSError, ValidationError) as error:
            raise UnreadableFile(
                f"The {FILE} of the run {folder.name} cannot be read.",
                "Only recipes that pool images write one.",
            ) from error


def digests(scenes: Iterable[Scene]) -> tuple[str, ...]:
    """Return the digests of scenes, each once, in order."""
    return tuple(sorted({scene.digest for scene in scenes}))
