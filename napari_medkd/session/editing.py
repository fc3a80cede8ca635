"""The steps that change what is committed, made but not yet done: commit, reopen, delete, paint."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import InvalidPrompt
from napari_medkd.session.diff import Diff
from napari_medkd.session.history import Change, Step
from napari_medkd.session.labels import is_one_of, plan_writes, set_where
from napari_medkd.session.objects import losses, own_pixels, with_masks
from napari_medkd.session.packing import PackedMask
from napari_medkd.session.stack import Stack
from napari_medkd.session.state import CommitResult, CommittedObject, LockedClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.diff import Voxels
    from napari_medkd.session.labels import Writing
    from napari_medkd.session.replay import Contents
    from napari_medkd.session.state import OverlapRule, Proposal

    Labels = NDArray[np.uint16]


def commit(
    labels: Labels,
    contents: Contents,
    proposal: Proposal,
    rule: OverlapRule,
    next_class: bool,
    correction: str = "",
) -> tuple[Step, CommitResult]:
    """Write a proposal into the active class; with `next_class`, make a new class active afterwards.

    `correction` is the id under which what was accepted will be kept to learn from.
    """
    table, reopened = contents.table, contents.reopened
    active = table[table.active]
    check_unlocked(contents, active.value)
    if proposal.is_empty:
        raise InvalidPrompt("The proposal is empty: there is nothing to commit.", "Add or change a prompt.")
    writings = plan_writes(labels, proposal.masks(), table, rule)
    protected = sum(writing.protected for _, writing in writings)
    written = sum(int(np.count_nonzero(writing.mask)) for _, writing in writings)
    if not written:
        raise InvalidPrompt(
            f"All {protected} pixels of the proposal are protected: other classes hold them.",
            "Unlock those classes or choose to overwrite.",
        )
    number = reopened.id if reopened is not None else contents.last_id + 1
    model_id = proposal.prediction.model_id if proposal.prediction else ""
    if proposal.prediction is None and reopened is not None:
        model_id = reopened.model_id
    mask, stack = _as_written(proposal, writings)
    made = CommittedObject.of(
        number, active.value, proposal.prompt, mask, proposal.score, model_id, correction, stack
    )
    after = table.adding(table.next_name()) if next_class else table
    step = Step(
        f"commit of {active.name}",
        Diff.joined([writing.diff for _, writing in writings if writing.diff is not None]),
        (*losses(contents.objects, overwritten(writing for _, writing in writings)), Change(None, made)),
        (table, after.activating(after.classes[-1].value)) if next_class else None,
        Change(reopened, None) if reopened is not None else None,
        touches_draft=True,
        committed=number,
    )
    return step, CommitResult(number, written, protected)


def reopen(labels: Labels, contents: Contents, found: CommittedObject) -> Step:
    """Take a committed object out of the labels, to be corrected."""
    check_unlocked(contents, found.value)
    table = contents.table
    return Step(
        f"reopening of {table[found.value].name}",
        _erasing(labels, found.value, own_pixels(found, contents.objects)),
        (Change(found, None),),
        (table, table.activating(found.value)) if table.active != found.value else None,
        Change(None, found),
        touches_draft=True,
    )


def put_back(labels: Labels, contents: Contents) -> Step:
    """Give up correcting: the reopened object stands again as it was, where nobody took its place."""
    found = contents.reopened
    assert found is not None
    diffs, left = [], {}
    for plane, packed in found.sheets:
        diff, standing = set_where(labels, plane, packed.corner, packed.crop(), found.value, (0, found.value))
        diffs += [diff] if diff is not None else []
        left[plane.index] = packed.holding(standing)
    diff = Diff.joined(diffs)
    back = with_masks(found, left)
    return Step(
        "discard",
        diff,
        (Change(None, back),) if back is not None else (),
        None,
        Change(found, None),
        touches_draft=True,
    )


def drop_reopened(contents: Contents) -> Step:
    """Delete the object that is open for correction: it is out of the labels already."""
    found = contents.reopened
    assert found is not None
    title = f"deletion of {contents.table[found.value].name}"
    return Step(title, reopened=Change(found, None), touches_draft=True)


@contextmanager
def put_back_meanwhile(labels: Labels, contents: Contents) -> Iterator[None]:
    """Have the object that is open for correction in the labels for the time of a block."""
    diff = put_back(labels, contents).diff if contents.reopened is not None else None
    if diff is not None:
        diff.apply(labels)
    try:
        yield
    finally:
        if diff is not None:
            diff.apply(labels, backwards=True)


def delete(labels: Labels, contents: Contents, found: list[CommittedObject]) -> Step:
    """Take objects out of the labels; what others of their class hold too stays."""
    for one in found:
        check_unlocked(contents, one.value)
    leaving = [one.id for one in found]
    parts = [_erasing(labels, one.value, own_pixels(one, contents.objects, leaving)) for one in found]
    diff = Diff.joined([part for part in parts if part is not None])
    names = contents.table[found[0].value].name if len(found) == 1 else f"{len(found)} objects"
    return Step(f"deletion of {names}", diff, tuple(Change(one, None) for one in found))


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """What a stroke in the labels comes to: voxels that locked classes get back, and a step for the rest."""

    refused: Diff | None
    step: Step | None


def paint(labels: Labels, contents: Contents, indices: tuple[NDArray[np.intp], ...], old: Labels) -> Painting:
    """Make the step of a stroke that is in `labels` already; `old` are the values before it.

    A voxel may come several times, as a brush passes over it again; its first old value counts.
    """
    flat = np.ravel_multi_index(indices, labels.shape)
    order = np.argsort(flat, kind="stable")
    flat = flat[order]
    is_first = np.concatenate(([True], flat[1:] != flat[:-1])) if flat.size else np.zeros(0, np.bool_)
    before = np.broadcast_to(np.asarray(old, np.uint16), order.shape)[order][is_first]
    voxels = _unravel(flat[is_first], labels.shape)
    new = labels[voxels]
    locked = is_one_of(before, contents.table.locked) | is_one_of(new, contents.table.locked)
    refused = Diff.of(voxels, np.where(locked, new, 0), np.where(locked, before, 0), labels.shape)
    changed = (before != new) & ~locked
    z, y, x = (axis[changed] for axis in voxels)
    diff = Diff.of((z, y, x), before[changed], new[changed], labels.shape)
    if diff is None:
        return Painting(refused, None)
    table = contents.table
    for value in np.unique(new[changed]).tolist():
        if value != 0 and value not in table:
            table = table.adding(_free_name(value, [known.name for known in table.classes]), value)
    classes = (contents.table, table) if table is not contents.table else None
    return Painting(refused, Step("paint", diff, tuple(losses(contents.objects, (z, y, x))), classes))


def _as_written(
    proposal: Proposal, writings: list[tuple[Plane, Writing]]
) -> tuple[NDArray[np.bool_], Stack | None]:
    """Return the pixels of a proposal as they come to stand: of the slice in hand, and of the others."""
    written = {plane.index: writing.mask for plane, writing in writings}
    mask = written.pop(proposal.plane.index, np.zeros_like(proposal.mask))
    if proposal.stack is None:
        return mask, None
    sections = {
        index: replace(proposal.stack.sections[index], mask=PackedMask.of(pixels))
        for index, pixels in written.items()
        if pixels.any()
    }
    return mask, Stack(proposal.stack.axis).having(sections)


def overwritten(writings: Iterable[Writing]) -> Voxels:
    """Return the voxels (z, y, x) that other classes lose on several slices."""
    parts = [writing.overwritten for writing in writings]
    z, y, x = (np.concatenate([part[axis] for part in parts]) for axis in range(3))
    return z, y, x


def _erasing(
    labels: Labels, value: int, parts: list[tuple[Plane, PackedMask, NDArray[np.bool_]]]
) -> Diff | None:
    """Return the change to background of some pixels of the bounding boxes of an object's slices."""
    diffs = [
        set_where(labels, plane, mask.corner, pixels, 0, only=(value,))[0] for plane, mask, pixels in parts
    ]
    return Diff.joined([diff for diff in diffs if diff is not None])


def _free_name(value: int, taken: list[str]) -> str:
    return next(name for name in (f"object {value}", f"class {value}", f"value {value}") if name not in taken)


def _unravel(flat: NDArray[np.intp], shape: tuple[int, ...]) -> Voxels:
    z, y, x = np.unravel_index(flat, shape)
    return z, y, x


def check_unlocked(contents: Contents, value: int) -> None:
    """Raise `LockedClass` where a class must not be touched."""
    if value in contents.table.locked:
        raise LockedClass(
            f"{contents.table[value].name} is locked, so it cannot be changed.", "Unlock it first."
        )


def protected_sentence(count: int) -> str:
    """Say how many pixels of others a commit left alone."""
    return f"{count} protected {'pixel was' if count == 1 else 'pixels were'} left alone."
