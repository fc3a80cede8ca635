"""What a session keeps of the object in hand so that a model can learn from its correction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from napari_medkd.core.prompts import Prompt
from napari_medkd.corrections.marks import Mark, marks_of
from napari_medkd.corrections.record import Correction
from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.session.accepting import Kept
    from napari_medkd.session.history import Change, Step
    from napari_medkd.session.state import CommittedObject, LabelClass, Proposal


class Keeper(Protocol):
    """Who keeps corrections, such as `napari_medkd.corrections.Collector`."""

    def add(self, given: Correction) -> None:
        """Keep a correction."""
        ...

    def withdraw(self, id: str) -> None:
        """Take one back: its commit was undone."""
        ...

    def restore(self, id: str) -> None:
        """Have one stand again."""
        ...

    def drop(self, id: str) -> None:
        """Take one back whose object is gone; what it had replaced does not come back."""
        ...


class Collecting:
    """Follows the object in hand, and makes a correction of it once it is committed.

    Parameters
    ----------
    notify : callable
        Told in a sentence where a correction could not be kept. Nothing else comes of that: what is committed
        is committed.
    """

    def __init__(self, notify: Callable[[str], object]) -> None:
        self.keeper: Keeper | None = None  # None collects nothing
        self.annotator = ""
        self._notify = notify
        self._seconds: dict[Mark, float] = {}  # of each mark, after the first
        self._began: float | None = None  # None where the object was not begun before our eyes
        self._first: Proposal | None = None
        self._is_open = False

    def begin(self) -> None:
        """Take note that the user says something; before the first word nothing is in hand."""
        if not self._is_open:
            self._is_open, self._began = True, time.monotonic()

    def follow_prompt(self, prompt: Prompt | None) -> None:
        """Take note of when something was said.

        An object that comes into our hands otherwise, reopened or brought back by undo, has no times.
        """
        if prompt is None:
            self._seconds, self._began, self._first, self._is_open = {}, None, None, False
            return
        self._is_open = True
        if self._began is not None:
            seconds = round(time.monotonic() - self._began, 3)
            for mark in marks_of(prompt):
                self._seconds.setdefault(mark, seconds)

    def follow_proposal(self, proposal: Proposal | None) -> None:
        """Take note of the model's first answer."""
        if proposal is not None and self._began is not None and self._first is None:
            self._first = proposal

    def new_id(self) -> str:
        """Return the id of the next correction; empty while nothing is collected."""
        return uuid4().hex if self.keeper is not None else ""

    def add(
        self,
        id: str,
        volume: Volume,
        proposal: Proposal,
        active: LabelClass,
        replaced: CommittedObject | None,
    ) -> None:
        """Keep what was committed, before anything is forgotten about the object in hand."""
        if self.keeper is None or not id:
            return
        answer = proposal.prediction
        given = Correction.of(
            volume,
            proposal.prompt,
            proposal.mask,
            label=active.name,
            proposal=own_mask(proposal),
            first=own_mask(self._first) if self._first is not None else None,
            times=[self._seconds.get(mark) for mark in marks_of(proposal.prompt)],
            id=id,
            value=active.value,
            model=answer.model_id if answer is not None else "",
            score=proposal.score,
            seconds=None if self._began is None else round(time.monotonic() - self._began, 3),
            annotator=self.annotator,
            replaces=replaced.correction if replaced is not None else "",
        )
        self._try(lambda keeper: keeper.add(given))

    def add_suggested(self, id: str, volume: Volume, kept: Kept, label: LabelClass) -> None:
        """Keep what was accepted of a model's suggestions on a slice, without another look at the model."""
        given = Correction.of(
            volume,
            Prompt(kept.plane),
            kept.accepted,
            label=label.name,
            proposal=kept.suggested,
            first=kept.suggested,
            id=id,
            value=label.value,
            model=kept.model_id,
            score=kept.score,
            annotator=self.annotator,
        )
        self._try(lambda keeper: keeper.add(given))

    def follow_step(self, step: Step, *, backwards: bool = False, again: bool = False) -> None:
        """Take corrections back whose objects a step takes away, and bring those back that it brings back.

        Parameters
        ----------
        step : Step
            Done, or taken back.
        backwards : bool
            Whether it was taken back.
        again : bool
            Whether it was done again: then what was committed comes back, too.
        """
        before, after = _corrections(step, after=backwards), _corrections(step, after=not backwards)
        made, replaced = _made(step), _replaced(step)
        for name in sorted(before - after - {replaced}):
            if backwards and name in made:
                self._try(lambda keeper, name=name: keeper.withdraw(name))  # type: ignore[misc]
            else:
                self._try(lambda keeper, name=name: keeper.drop(name))  # type: ignore[misc]
        for name in sorted(after - before - {replaced}):
            if backwards or again or name not in made:
                self._try(lambda keeper, name=name: keeper.restore(name))  # type: ignore[misc]

    def _try(self, act: Callable[[Keeper], None]) -> None:
        if self.keeper is None:
            return
        try:
            act(self.keeper)
        except StorageError as error:
            self._notify(str(error))


def own_mask(proposal: Proposal) -> NDArray[np.bool_] | None:
    """Return what the model answered, before any painting; None for a mask that no model made."""
    answer = proposal.prediction
    if answer is None:
        return None
    if answer.prompt.edits is None:
        return answer.masks[proposal.choice]
    from napari_medkd.inference.nudging import nudged  # scikit-image: a model is there

    logits = answer.logits[proposal.choice]
    return answer.frame.to_mask(nudged(logits, answer.frame, answer.prompt) if answer.joined else logits)


def _corrections(step: Step, after: bool) -> set[str]:
    """Return the corrections behind the objects on one side of a step, that in hand included."""
    changes: list[Change] = [*step.objects, *([step.reopened] if step.reopened is not None else [])]
    sides = (change.after if after else change.before for change in changes)
    return {side.correction for side in sides if side is not None} - {""}


def _made(step: Step) -> set[str]:
    """Return the corrections that a step made: of the objects that were not there before it."""
    made = (change.after for change in step.objects if change.before is None)
    return {one.correction for one in made if one is not None} - {""}


def _replaced(step: Step) -> str:
    """Return the correction that a commit took the place of: the store looks after that one by itself."""
    was_open = step.reopened.before if step.reopened is not None else None
    return was_open.correction if was_open is not None and step.committed is not None else ""
