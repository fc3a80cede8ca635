"""What one correction is: facts about it, and the arrays that go with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.overlap import dice
from napari_medkd.corrections.marks import Mark, edits_of, marks_of, prompt_of
from napari_medkd.errors import GeometryMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.core.window import Window

_NAME = r"^[^\x00]+$"  # databases take no zero byte in a text
Affine = tuple[tuple[float, float, float, float], ...]


class About(BaseModel):
    """The facts of a correction, without pixels and without anything that names a patient or a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(
        default_factory=lambda: uuid4().hex, pattern=r"^[\w-]{1,64}$", description="Names the record."
    )
    time: datetime = Field(
        default_factory=lambda: datetime.now(UTC),
        description="When the mask was accepted, by a clock that may be wrong: records count their order.",
    )
    case: str = Field(
        pattern=_NAME,
        max_length=200,
        description="Which case (patient or study) the image belongs to, by a pseudonym; splits go by it.",
    )
    source: str = Field(
        min_length=1, max_length=64, description="Digest of the image's size, position and values."
    )
    axis: int = Field(ge=0, le=2, description="Axis that the slice lies across: 0 for z, 1 for y, 2 for x.")
    index: int = Field(ge=0, description="Index of the slice along that axis.")
    volume_shape: tuple[int, int, int] = Field(description="Voxels of the image along (z, y, x).")
    affine: Affine | None = Field(
        None,
        description="4 by 4, (z, y, x, 1) index to (R, A, S, 1) millimetres; null where the file gave none.",
    )
    modality: str = Field(
        "", max_length=40, description="CT, MR, US, …; RGB or GRAY for pictures; empty where unknown."
    )
    window: tuple[float, float] | None = Field(
        None, description="Stored values shown black and white to the model; null where it is not known."
    )
    label: str = Field(pattern=_NAME, max_length=200, description="Name of the class.")
    value: int = Field(1, ge=1, le=65535, description="Value of the class in the labels.")
    model: str = Field("", max_length=200, description="Id of the model that proposed; empty where none did.")
    score: float | None = Field(None, description="The model's own estimate of its proposal.")
    marks: tuple[Mark, ...] = Field((), description="What the user said, in the order that was kept.")
    seconds: float | None = Field(
        None, ge=0, description="From the first mark to the acceptance, by a clock that does not jump."
    )
    dice_first: float | None = Field(
        None, ge=0, le=1, description="Dice of the model's first answer with the accepted mask."
    )
    annotator: str = Field(
        "", max_length=200, description="Who accepted it; empty unless that was asked for."
    )
    origin: Literal["session", "batch", "import"] = Field("session", description="How it came about.")
    replaces: str = Field(
        "", description="Id of the record of the same object that this one takes the place of; else empty."
    )

    @property
    def plane(self) -> Plane:
        """The slice."""
        return Plane(self.axis, self.index)

    @property
    def geometry(self) -> Geometry:
        """Where the image's voxels lie."""
        if self.affine is None:
            return Geometry.image(self.volume_shape)
        return Geometry(self.volume_shape, np.array(self.affine))

    @property
    def clicks(self) -> int:
        """How many marks the user made."""
        return len(self.marks)


class Record(About):
    """A correction as it is kept: its facts, and the digests of its arrays."""

    schema_version: Literal[1] = Field(1, description="Version of this form.")
    image: str = Field(description="Digest of the slice as the model saw it, (rows, columns, 1 or 3) uint8.")
    accepted: str = Field(description="Digest of the accepted mask, (rows, columns) bool.")
    proposal: str = Field(
        "", description="Digest of the model's last mask, before any painting; empty without."
    )
    edits: str = Field("", description="Digest of the painted (1) and erased (-1) pixels; empty without.")
    dice: float | None = Field(
        None, ge=0, le=1, description="Dice of the proposal with the accepted mask; null without a proposal."
    )

    @property
    def digests(self) -> tuple[str, ...]:
        """The arrays that it needs."""
        return tuple(filter(None, (self.image, self.accepted, self.proposal, self.edits)))

    @property
    def fingerprint(self) -> str:
        """A digest of all of it, arrays included: a run that notes it can tell what it learnt from."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What was seen, proposed and accepted.

    Parameters
    ----------
    about : About
        The facts.
    image : ndarray (rows, columns, 1 or 3) uint8
        The slice as the model saw it.
    accepted : ndarray (rows, columns) bool
        The mask that the user accepted.
    proposal : ndarray (rows, columns) bool or None
        The model's last mask, before any painting; None where no model proposed.
    edits : ndarray (rows, columns) int8 or None
        1 painted, -1 erased; None where nothing was painted.
    """

    about: About
    image: NDArray[np.uint8]
    accepted: NDArray[np.bool_]
    proposal: NDArray[np.bool_] | None = None
    edits: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        expected = self.about.plane.shape(self.about.volume_shape)
        arrays = {"image": self.image, "accepted mask": self.accepted}
        arrays |= {"proposal": self.proposal} if self.proposal is not None else {}
        arrays |= {"edits": self.edits} if self.edits is not None else {}
        for name, array in arrays.items():
            if array.shape[:2] != expected:
                raise GeometryMismatch(
                    f"The {name} of a correction is {array.shape[0]} by {array.shape[1]} pixels, its slice "
                    f"{expected[0]} by {expected[1]}.",
                    "Give arrays of the whole slice.",
                )

    @classmethod
    def of(
        cls,
        volume: Volume,
        prompt: Prompt,
        accepted: NDArray[np.bool_],
        *,
        label: str,
        proposal: NDArray[np.bool_] | None = None,
        first: NDArray[np.bool_] | None = None,
        times: Sequence[float | None] = (),
        case: str = "",
        **facts: Any,
    ) -> Correction:
        """Take a correction from what a session holds.

        Parameters
        ----------
        volume : Volume
            The image.
        prompt : Prompt
            What was said; its plane is the slice.
        accepted : ndarray (rows, columns) bool
            What was committed.
        label : str
            Name of the class.
        proposal, first : ndarray (rows, columns) bool or None
            The model's last and first masks, before any painting.
        times : sequence
            Seconds from the first mark to each, in the order of `marks_of`; may be shorter.
        case : str
            A pseudonym; empty takes the digest of the image, which makes every image a case of its own.
        **facts
            Further fields of `About`.
        """
        plane = prompt.plane
        about = About(
            case=case or volume.content_id,
            source=volume.content_id,
            axis=plane.axis,
            index=plane.index,
            volume_shape=volume.shape,
            affine=_affine(volume.geometry),
            modality=volume.modality,
            window=_limits(volume.window),
            label=label,
            marks=marks_of(prompt, times),
            dice_first=dice(first, accepted) if first is not None else None,
            **facts,
        )
        edits = prompt.edits.values if prompt.edits is not None else None
        return cls(about, volume.slice_seen(plane), np.asarray(accepted, np.bool_), proposal, edits)

    @property
    def prompt(self) -> Prompt:
        """What was said, as a prompt that a model can be asked with again."""
        return prompt_of(self.about.marks, self.about.plane, edits_of(self.edits))

    @property
    def dice(self) -> float | None:
        """Dice of the proposal with the accepted mask; None without a proposal."""
        return None if self.proposal is None else dice(self.proposal, self.accepted)


def _affine(geometry: Geometry) -> Affine | None:
    if not geometry.from_file:
        return None
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in geometry.affine)


def _limits(window: Window) -> tuple[float, float]:
    return float(window.low), float(window.high)
