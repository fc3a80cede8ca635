"""Undo and redo: steps that know how to go both ways, within a budget of memory."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.inference.segmenter import Prediction
from napari_medkd.session.packing import PackedMask, pack_prompt, unpack_prompt
from napari_medkd.session.state import Proposal

if TYPE_CHECKING:
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.inference.preprocess import Frame
    from napari_medkd.session.classes import ClassTable
    from napari_medkd.session.diff import Diff
    from napari_medkd.session.stack import Stack
    from napari_medkd.session.state import CommittedObject
    from napari_medkd.session.suggestion import Key

_OVERHEAD = 256  # bytes of a step besides its data, about
_LARGEST_HALF = 6e4  # float16 ends at 65504


@dataclass(frozen=True, slots=True)
class Draft:
    """The current object as it was at one moment, packed: its prompt, and the answer if there was one.

    Parameters
    ----------
    prompt : bytes
        What was said.
    masks : tuple of PackedMask
        The candidates; the mask alone where no model made it; nothing where no answer had come.
    scores : tuple of float
        The candidates' scores; nothing where no model made the mask.
    logits : bytes
        The candidates' logits, compressed float16: enough for the next round's mask prompt.
    logits_shape : tuple of int
        (candidates, h, h).
    frame : Frame or None
        Which part of the slice they are of; None where no model made the mask.
    names : tuple of str
        What the candidates show, where the model found them by itself.
    awaits : bool
        Whether the answer to the prompt was still to come, so that it must be asked again.
    stack : Stack or None
        The other slices of an object of the volume.
    modality, joined
        As in the answer.
    """

    prompt: bytes
    masks: tuple[PackedMask, ...] = ()
    scores: tuple[float, ...] = ()
    logits: bytes = b""
    logits_shape: tuple[int, ...] = ()
    frame: Frame | None = None
    model_id: str = ""
    choice: int = 0
    score: float | None = None
    object_id: int | None = None
    awaits: bool = False
    names: tuple[str, ...] = ()
    stack: Stack | None = None
    modality: str = ""
    joined: bool = False

    @classmethod
    def of(cls, prompt: Prompt, proposal: Proposal | None, awaits: bool) -> Draft:
        """Pack a prompt and what was answered to it."""
        packed = pack_prompt(prompt)
        if proposal is None:
            return cls(packed, awaits=awaits)
        answer = proposal.prediction
        if answer is None:
            return cls(
                packed,
                (PackedMask.of(proposal.mask),),
                score=proposal.score,
                object_id=proposal.object_id,
                awaits=awaits,
                stack=proposal.stack,
            )
        half = np.clip(answer.logits, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
        return cls(
            packed,
            tuple(PackedMask.of(mask) for mask in answer.masks),
            answer.scores,
            zlib.compress(half.tobytes(), 1),
            half.shape,
            answer.frame,
            answer.model_id,
            proposal.choice,
            proposal.score,
            proposal.object_id,
            awaits,
            answer.names,
            proposal.stack,
            answer.modality,
            answer.joined,
        )

    @classmethod
    def of_object(cls, found: CommittedObject, is_reopened: bool) -> Draft:
        """Return the draft that a committed object was made from."""
        object_id = found.id if is_reopened else None
        mask = (found.packed_mask,)
        return cls(found.packed_prompt, mask, score=found.score, object_id=object_id, stack=found.stack)

    def unpack(self) -> tuple[Prompt, Proposal | None]:
        """Return the prompt and the proposal, None where no answer had come."""
        prompt = unpack_prompt(self.prompt)
        if not self.masks:
            return prompt, None
        masks = tuple(mask.unpack() for mask in self.masks)
        mask = masks[self.choice]
        answer = None
        if self.frame is not None:
            raw = np.frombuffer(zlib.decompress(self.logits), np.float16).reshape(self.logits_shape)
            logits = raw.astype(np.float32)
            named = self.names, self.modality, self.joined
            answer = Prediction(prompt, masks, self.scores, logits, self.model_id, self.frame, *named)
            mask = prompt.edits.apply(mask) if prompt.edits is not None else mask
        count = len(masks)
        shown = Proposal(prompt, mask, self.choice, count, self.score, answer, self.object_id, self.stack)
        return prompt, shown

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        others = self.stack.nbytes if self.stack is not None else 0
        return len(self.prompt) + len(self.logits) + sum(mask.nbytes for mask in self.masks) + others


@dataclass(frozen=True, slots=True)
class Change:
    """An object before and after a step; None where it did not exist."""

    before: CommittedObject | None
    after: CommittedObject | None

    @property
    def id(self) -> int:
        """The object's id."""
        found = self.after or self.before
        assert found is not None
        return found.id


@dataclass(slots=True, eq=False)
class Step:
    """One thing that the user did, with what is needed to take it back and to do it again.

    Parameters
    ----------
    title : str
        What the user reads: "commit of liver".
    diff : Diff or None
        What changed in the labels.
    objects : tuple of Change
        Which committed objects came, went or lost pixels.
    classes : tuple of ClassTable or None
        Before and after.
    reopened : Change or None
        Which committed object was open for correction before and after, where that changed.
    touches_draft : bool
        Whether the current object changed.
    draft : Draft or None
        The current object on the *other* side of the step: before it while it stands done, after it while
        it is undone. Whoever takes the step swaps it, so that an answer that came late is kept, too.
    committed : int or None
        The id of the object that the step commits.
    rejected : tuple of Key
        The suggestions that the step rejects.
    operation : int
        Its row in the journal; 0 where it is not journalled.
    """

    title: str
    diff: Diff | None = None
    objects: tuple[Change, ...] = ()
    classes: tuple[ClassTable, ClassTable] | None = None
    reopened: Change | None = None
    touches_draft: bool = False
    draft: Draft | None = None
    committed: int | None = None
    rejected: tuple[Key, ...] = ()
    operation: int = 0

    @property
    def is_journalled(self) -> bool:
        """Whether it changes what is committed, and so must outlive a crash."""
        return bool(self.diff or self.objects or self.classes or self.reopened)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        objects = [side for change in self.objects for side in (change.before, change.after) if side]
        parts = [self.diff, self.draft, *objects]
        return _OVERHEAD + sum(part.nbytes for part in parts if part is not None)


class History:
    """What can be undone and what can be redone; the oldest steps go when memory runs out.

    Parameters
    ----------
    budget : int
        Bytes; the newest step is kept whatever it takes.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self.nbytes = 0

    def push(self, step: Step) -> None:
        """Take note of a new step; what was undone can no longer be redone."""
        self.nbytes += step.nbytes - sum(lost.nbytes for lost in self.undone)
        self.undone.clear()
        self.done.append(step)
        forgotten = 0
        while self.nbytes > self.budget and forgotten < len(self.done) - 1:
            self.nbytes -= self.done[forgotten].nbytes
            forgotten += 1
        del self.done[:forgotten]

    def undo(self, draft: Draft | None) -> Draft | None:
        """Take note that the newest step was taken back; swaps the current object with the one before it."""
        self.undone.append(self.done.pop())
        return self._swap(self.undone[-1], draft)

    def redo(self, draft: Draft | None) -> Draft | None:
        """Take note that the step undone last was done again; swaps the current object back."""
        self.done.append(self.undone.pop())
        return self._swap(self.done[-1], draft)

    def clear(self) -> None:
        """Forget everything."""
        self.done.clear()
        self.undone.clear()
        self.nbytes = 0

    def _swap(self, step: Step, draft: Draft | None) -> Draft | None:
        if not step.touches_draft:
            return None
        self.nbytes -= step.nbytes
        step.draft, other = draft, step.draft
        self.nbytes += step.nbytes
        return other
