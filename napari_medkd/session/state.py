"""The words of a session: its states, rules, classes, proposals and results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.errors import MedkdError
from napari_medkd.session.packing import PackedMask, pack_prompt, unpack_prompt
from napari_medkd.session.stack import sheets

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.inference.segmenter import Prediction
    from napari_medkd.session.stack import Stack


class State(Enum):
    """What stands at the top of the panel."""

    NO_IMAGE = "No image"
    NO_MODEL = "No model"
    LOADING = "Loading model"
    ENCODING = "Encoding"
    READY = "Ready"
    PROPOSAL = "Proposal"
    COMMITTED = "Committed"
    ERROR = "Error"


class OverlapRule(Enum):
    """What a commit does where another class stands already. Locked classes are never overwritten."""

    KEEP = "Keep existing"
    OVERWRITE = "Overwrite"
    ASK = "Ask"


class Pending(Enum):
    """What becomes of an uncommitted proposal when the user moves on."""

    COMMIT = "Commit"
    DISCARD = "Discard"
    KEEP = "Keep"
    JOIN = "Same object"  # only where the user goes on to another slice along the same axis


class LabelClass(BaseModel):
    """One value of the result and what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: int = Field(ge=1, le=65535, description="Value of its voxels in the result.")
    name: str = Field(min_length=1, description="What the user calls it.")
    colour: str = Field("#ff7f0e", pattern=r"^#[0-9a-f]{6}$", description="Its colour on the screen.")
    locked: bool = Field(False, description="Whether its voxels are protected from every change.")


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """The current object, not yet committed.

    Parameters
    ----------
    prompt : Prompt
        What was said, edits included.
    mask : ndarray (rows, columns) bool
        The chosen candidate with the user's edits.
    choice, candidates : int
        Which candidate is shown, of how many.
    score : float or None
        The model's own estimate of its quality; None for a mask that no model made.
    prediction : Prediction or None
        The model's answer; None while it is on its way or where the mask was only painted.
    object_id : int or None
        The committed object that was reopened, if it is one.
    stack : Stack or None
        Its other slices, where it is an object of the volume.
    """

    prompt: Prompt
    mask: NDArray[np.bool_]
    choice: int = 0
    candidates: int = 1
    score: float | None = None
    prediction: Prediction | None = None
    object_id: int | None = None
    stack: Stack | None = None

    @property
    def plane(self) -> Plane:
        """The slice that it lies on; of an object of the volume, the one in hand."""
        return self.prompt.plane

    @property
    def sheets(self) -> tuple[tuple[Plane, PackedMask], ...]:
        """Every slice that it has pixels on, with these, packed."""
        return sheets(self.plane, PackedMask.of(self.mask), self.stack)

    def masks(self) -> Iterator[tuple[Plane, NDArray[np.bool_]]]:
        """Yield every slice that it has pixels on, with its (rows, columns) mask."""
        if self.mask.any():
            yield self.plane, self.mask
        if self.stack is not None:
            for index, one in self.stack.sections.items():
                yield self.stack.plane(index), one.mask.unpack()

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel, on any slice."""
        return not self.mask.any() and (self.stack is None or not self.stack.sections)


@dataclass(frozen=True, slots=True)
class CommittedObject:
    """An object in the result, with what is needed to reopen it, packed: an image may hold thousands.

    Parameters
    ----------
    id : int
        Counts up within a session and its journal.
    value : int
        Class value of its voxels.
    plane : Plane
        The slice that it lies on.
    packed_prompt : bytes
        The prompts that made it.
    packed_mask : PackedMask
        Its pixels as they stand in the result: protected ones and those that others took are left out.
    score : float or None
        The model's estimate.
    model_id : str
        Who proposed it; empty where it was painted by hand.
    correction : str
        Id of the correction that was kept of it; empty where none was.
    stack : Stack or None
        Its other slices, where it is an object of the volume.
    """

    id: int
    value: int
    plane: Plane
    packed_prompt: bytes
    packed_mask: PackedMask
    score: float | None
    model_id: str
    correction: str = ""
    stack: Stack | None = None

    @classmethod
    def of(
        cls,
        id: int,
        value: int,
        prompt: Prompt,
        mask: NDArray[np.bool_],
        score: float | None,
        model_id: str,
        correction: str = "",
        stack: Stack | None = None,
    ) -> CommittedObject:
        """Pack an object's prompt and its (rows, columns) mask."""
        packed = pack_prompt(prompt), PackedMask.of(mask)
        return cls(id, value, prompt.plane, *packed, score, model_id, correction, stack)

    @property
    def prompt(self) -> Prompt:
        """The prompts that made it, a new copy each time."""
        return unpack_prompt(self.packed_prompt)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Its (rows, columns) pixels on `plane`, a new copy each time."""
        return self.packed_mask.unpack()

    @property
    def sheets(self) -> tuple[tuple[Plane, PackedMask], ...]:
        """Every slice that it has pixels on, with these."""
        return sheets(self.plane, self.packed_mask, self.stack)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        others = self.stack.nbytes if self.stack is not None else 0
        return len(self.packed_prompt) + self.packed_mask.nbytes + others


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit did: voxels written, voxels left alone because they were protected, the object's id."""

    object_id: int
    written: int
    protected: int


class LockedClass(MedkdError):
    """A locked class would be changed."""


class InvalidClass(MedkdError):
    """A class cannot be made, changed or removed as asked."""


class PendingProposal(MedkdError):
    """A change would lose the uncommitted proposal; ask the user and call again with a `Pending` choice."""


class OverlapConflict(MedkdError):
    """The rule is to ask and the proposal covers other classes; commit again with a rule.

    Parameters
    ----------
    voxels : int
        How many voxels of other, unlocked classes it covers.
    names : tuple of str
        Those classes.
    """

    def __init__(self, voxels: int, names: tuple[str, ...]) -> None:
        super().__init__(
            f"{voxels} pixels of {', '.join(names)} lie under this mask.", "Keep them, or overwrite them?"
        )
        self.voxels = voxels
        self.names = names
