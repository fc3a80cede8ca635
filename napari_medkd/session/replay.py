"""From the journal's rows back to labels, objects, classes and undo steps."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_medkd.session.classes import ClassTable
from napari_medkd.session.database import Obstacle, Unusable
from napari_medkd.session.diff import Diff
from napari_medkd.session.history import Change, Draft, Step
from napari_medkd.session.packing import PackedMask, unpack_prompt
from napari_medkd.session.stack import Section, Stack
from napari_medkd.session.state import CommittedObject, LabelClass

if TYPE_CHECKING:
    import sqlite3

    import numpy as np
    from numpy.typing import NDArray

    Sides = dict[str, list[CommittedObject]]  # by role


@dataclass(slots=True)
class Contents:
    """What is committed besides the voxels: objects, classes, and the object open for correction."""

    table: ClassTable
    objects: dict[int, CommittedObject] = field(default_factory=dict)
    reopened: CommittedObject | None = None
    last_id: int = 0

    def apply(self, step: Step, backwards: bool = False) -> None:
        """Follow a step, or take it back."""
        for change in step.objects:
            side = change.before if backwards else change.after
            if side is None:
                self.objects.pop(change.id, None)
            else:
                self.objects[side.id] = side
            self.last_id = max(self.last_id, change.id)
        if step.classes is not None:
            self.table = step.classes[0 if backwards else 1]
        if step.reopened is not None:
            self.reopened = step.reopened.before if backwards else step.reopened.after


@dataclass(slots=True)
class Replay:
    """A journal read from its first row on.

    Parameters
    ----------
    contents : Contents
        Objects and classes.
    time : float
        When the last row was written, in seconds since 1970.
    diffs : list of (Diff, bool)
        Changes of the labels in order, from an array of zeros; True for those to apply backwards.
    known : dict of int to Step
        Every step by its row.
    undone : set of int
        Rows of the steps that do not stand.
    is_saved : bool
        Whether nothing was done since the labels were saved to a file.
    """

    contents: Contents
    time: float
    diffs: list[tuple[Diff, bool]]
    known: dict[int, Step] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    is_saved: bool = True

    @property
    def steps(self) -> list[Step]:
        """The steps that stand, oldest first."""
        return [step for number, step in self.known.items() if number not in self.undone]

    def follow(self, number: int, kind: str) -> None:
        """Do, undo or redo the step of a row."""
        step, backwards = self.known[number], kind == "undo"
        (self.undone.add if backwards else self.undone.discard)(number)
        self.contents.apply(step, backwards)
        if step.diff is not None:
            self.diffs.append((step.diff, backwards))

    def write(self, labels: NDArray[np.uint16]) -> None:
        """Write the labels as they were into `labels`."""
        labels[...] = 0
        for diff, backwards in self.diffs:
            diff.apply(labels, backwards)


def read(connection: sqlite3.Connection) -> Replay | None:
    """Replay a journal; None for one that was never begun. Raises `Unusable` where a row makes no sense."""
    sides: dict[int, Sides] = {}
    try:
        stacks = _stacks(connection)
        for row, operation, role, *values in connection.execute(
            "SELECT rowid, operation, role, id, value, prompt, mask, score, model, correction FROM object"
            " ORDER BY rowid"
        ):
            found = replace(_object(*values), stack=stacks.get(row))
            sides.setdefault(operation, {}).setdefault(role, []).append(found)
        return _follow_rows(connection, sides)
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise Unusable(Obstacle.DAMAGED) from error


def dump_classes(table: ClassTable) -> str:
    """Return classes as JSON text; `load_classes` reads it."""
    return json.dumps({"active": table.active, "classes": [found.model_dump() for found in table.classes]})


def load_classes(text: str) -> ClassTable:
    """Read what `dump_classes` gave."""
    content = json.loads(text)
    classes = tuple(LabelClass.model_validate(fields) for fields in content["classes"])
    return ClassTable(classes, int(content["active"]))


def _follow_rows(connection: sqlite3.Connection, sides: dict[int, Sides]) -> Replay | None:
    replay: Replay | None = None
    for number, time, kind, title, target, committed, diff, before, after in connection.execute(
        "SELECT id, time, kind, title, target, committed, diff, classes_before, classes_after"
        " FROM operation ORDER BY id"
    ):
        if kind == "base":
            replay = Replay(
                Contents(load_classes(after)), time, [(Diff.from_bytes(diff), False)] if diff else []
            )
            continue
        if replay is None:
            raise ValueError("a journal without a beginning")
        if kind == "do":
            classes = (load_classes(before), load_classes(after)) if after else None
            step = Step(
                title,
                Diff.from_bytes(diff) if diff else None,
                classes=classes,
                committed=committed,
                operation=number,
            )
            replay.known[number] = _with_objects(step, sides.get(number, {}))
        if kind != "saved":
            replay.follow(number if kind == "do" else target, kind)
        replay.time, replay.is_saved = time, kind == "saved"
    return replay


def _with_objects(step: Step, sides: Sides) -> Step:
    """Add what a step did to objects, and the draft that undoing it brings back."""
    before = {found.id: found for found in sides.get("before", ())}
    after = {found.id: found for found in sides.get("after", ())}
    ids = sorted({*before, *after})
    step.objects = tuple(Change(before.get(number), after.get(number)) for number in ids)
    was_open, is_open = (next(iter(sides.get(f"reopened {side}", ())), None) for side in ("before", "after"))
    if was_open or is_open:
        step.reopened = Change(was_open, is_open)
    step.touches_draft = step.committed is not None or step.reopened is not None
    if step.committed is not None:
        step.draft = Draft.of_object(after[step.committed], is_reopened=was_open is not None)
    elif was_open is not None:
        step.draft = Draft.of_object(was_open, is_reopened=True)
    return step


def _stacks(connection: sqlite3.Connection) -> dict[int, Stack]:
    """Read the other slices of objects of the volume, by the row of the object."""
    stacks: dict[int, Stack] = {}
    sections: dict[int, dict[int, Section]] = {}
    for row, axis, position, mask, prompt, score in connection.execute(
        "SELECT object, axis, position, mask, prompt, score FROM section"
    ):
        stacks[row] = Stack(axis)
        sections.setdefault(row, {})[position] = Section(PackedMask.from_bytes(mask), score, prompt)
    return {row: stack.having(sections[row]) for row, stack in stacks.items()}


def _object(
    id: int, value: int, prompt: bytes, mask: bytes, score: float | None, model: str, correction: str
) -> CommittedObject:
    plane = unpack_prompt(prompt).plane
    return CommittedObject(id, value, plane, prompt, PackedMask.from_bytes(mask), score, model, correction)
