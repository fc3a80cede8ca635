"""Suggestions that become committed objects, any number of them in one step, made but not yet done."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.cutout import Piece
from napari_medkd.session.diff import Diff
from napari_medkd.session.editing import check_unlocked, overwritten
from napari_medkd.session.history import Change, Step
from napari_medkd.session.labels import plan_writes
from napari_medkd.session.objects import losses
from napari_medkd.session.packing import PackedMask, pack_prompt
from napari_medkd.session.stack import Section, Stack
from napari_medkd.session.state import CommittedObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.classes import ClassTable
    from napari_medkd.session.labels import Writing
    from napari_medkd.session.replay import Contents
    from napari_medkd.session.state import OverlapRule
    from napari_medkd.session.suggestion import Key, Part, Suggestion

    Labels = NDArray[np.uint16]
    Place = tuple[Plane, int]  # a slice and the value of a class


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What there is to learn from on a slice: what was suggested of a class, and what of it was accepted."""

    plane: Plane
    value: int
    suggested: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    score: float
    model_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Acceptance:
    """What accepting suggestions comes to.

    Parameters
    ----------
    step : Step
        To be done.
    objects : list of (Key, int)
        The id of the object that each suggestion becomes.
    written, protected : int
        Voxels written, and voxels left alone because they were protected.
    kept : dict
        By the id of the correction.
    """

    step: Step
    objects: list[tuple[Key, int]]
    written: int
    protected: int
    kept: dict[str, Kept]


def accept(
    labels: Labels,
    contents: Contents,
    wanted: Sequence[Suggestion],
    rule: OverlapRule,
    new_id: Callable[[], str],
) -> Acceptance:
    """Commit suggestions, each as an object of its own; where two share pixels the surer one keeps them.

    A suggestion of a named target goes into the class of that name, which is made where it is not there yet;
    any other into the active one. `new_id` names what is kept to learn from, once a slice and class.

    Raises
    ------
    InvalidPrompt
        Where nothing of any of them can be written.
    LockedClass, OverlapConflict
        As a commit does; nothing is changed then.
    """
    table = _with_classes(contents.table, (one.name for one in wanted))
    values = {one.name: one.value for one in table.classes} | {"": table.active}
    for value in {values[one.name] for one in wanted}:
        check_unlocked(contents, value)
    suggested = _suggested(wanted, values, labels.shape)
    writings = _writings(labels, suggested, table, rule)
    correction = {place: new_id() for place in dict.fromkeys(_home(one, values) for one in wanted)}
    made: list[tuple[Key, CommittedObject]] = []
    for one, parts in zip(wanted, suggested.parts, strict=True):
        standing = _standing(parts, values[one.name], writings)
        if standing:
            number = contents.last_id + 1 + len(made)
            made.append(
                (one.key, _object(number, one, standing, labels.shape, _home(one, values), correction))
            )
    if not made:
        raise InvalidPrompt(
            "Nothing of it can be written: other classes hold all of its pixels.",
            "Unlock those classes or choose to overwrite.",
        )
    title = table[made[0][1].value].name if len(made) == 1 else f"{len(made)} suggestions"
    step = Step(
        f"acceptance of {title}",
        Diff.joined([one.diff for one in writings.values() if one.diff is not None]),
        (
            *losses(contents.objects, overwritten(writings.values())),
            *(Change(None, found) for _, found in made),
        ),
        (contents.table, table) if table is not contents.table else None,
    )
    kept = {}
    for place, name in correction.items():
        scores = [found.score for _, found in made if found.correction == name and found.score is not None]
        if name and scores:
            masks = suggested.masks[place], writings[place].mask
            kept[name] = Kept(*place, *masks, float(np.mean(scores)), wanted[0].model_id)
    return Acceptance(
        step,
        [(key, found.id) for key, found in made],
        sum(int(np.count_nonzero(one.mask)) for one in writings.values()),
        sum(one.protected for one in writings.values()),
        kept,
    )


def _with_classes(table: ClassTable, names: Iterable[str]) -> ClassTable:
    """Return the table with a class of each name; the active one stays."""
    active = table.active
    for name in dict.fromkeys(names):
        table = table.having(name)
    return table.activating(active)


def _home(one: Suggestion, values: Mapping[str, int]) -> Place:
    """Return the slice and the class that what there is to learn from a suggestion is kept under."""
    return one.main.plane, values[one.name]


@dataclass(frozen=True, slots=True, eq=False)
class _Suggested:
    """What is to be written: the parts of each suggestion, no pixel twice, and all of a class on a slice."""

    parts: list[list[tuple[Part, Piece]]]
    masks: dict[Place, NDArray[np.bool_]]


def _suggested(wanted: Sequence[Suggestion], values: Mapping[str, int], shape: tuple[int, ...]) -> _Suggested:
    """Share the pixels out, the surest suggestion first."""
    taken: dict[Plane, NDArray[np.bool_]] = {}
    masks: dict[Place, NDArray[np.bool_]] = {}
    parts: list[list[tuple[Part, Piece]]] = [[] for _ in wanted]
    for number in sorted(range(len(wanted)), key=lambda number: -wanted[number].score):
        one = wanted[number]
        for part in one.parts:
            plane, place, window = part.plane, (part.plane, values[one.name]), part.piece.window
            if plane not in taken:
                taken[plane] = np.zeros(plane.shape(shape), np.bool_)
            if place not in masks:
                masks[place] = np.zeros(plane.shape(shape), np.bool_)
            pixels = part.piece.pixels & ~taken[plane][window]
            taken[plane][window] |= pixels
            masks[place][window] |= pixels
            parts[number].append((part, Piece(part.piece.corner, pixels)))
    return _Suggested(parts, masks)


def _writings(
    labels: Labels, suggested: _Suggested, table: ClassTable, rule: OverlapRule
) -> dict[Place, Writing]:
    """Plan the writing of every class, a slice at a time."""
    planned: dict[Place, Writing] = {}
    for value in dict.fromkeys(value for _, value in suggested.masks):
        masks = [(plane, mask) for (plane, other), mask in suggested.masks.items() if other == value]
        for plane, writing in plan_writes(labels, masks, table.activating(value), rule):
            planned[plane, value] = writing
    return planned


def _standing(
    parts: Iterable[tuple[Part, Piece]], value: int, writings: Mapping[Place, Writing]
) -> dict[Plane, tuple[Part, Piece]]:
    """Return the parts of a suggestion as they come to stand, by slice; empty ones are left out."""
    standing = {}
    for part, piece in parts:
        written = writings[part.plane, value].mask[piece.window]
        left = Piece.of(piece.pixels & written, piece.corner)
        if left is not None:
            standing[part.plane] = part, left
    return standing


def _object(
    number: int,
    one: Suggestion,
    standing: Mapping[Plane, tuple[Part, Piece]],
    shape: tuple[int, ...],
    home: Place,
    correction: Mapping[Place, str],
) -> CommittedObject:
    """Make the object of a suggestion; its largest part is the one in hand when it is reopened."""
    main = max(standing, key=lambda plane: standing[plane][1].count)
    masks = {plane: packed(piece, plane.shape(shape)) for plane, (_, piece) in standing.items()}
    others = {
        plane.index: Section(masks[plane], part.score)
        for plane, (part, _) in standing.items()
        if plane != main
    }
    return CommittedObject(
        number,
        home[1],
        main,
        pack_prompt(standing[main][0].cutout.prompt),
        masks[main],
        one.score,
        one.model_id,
        correction[home],
        Stack(main.axis).having(others) if others else None,
    )


def packed(piece: Piece, shape: tuple[int, int]) -> PackedMask:
    """Return a piece as the mask of a slice of `shape` (rows, columns)."""
    height, width = piece.pixels.shape
    return PackedMask(
        shape, piece.corner, (height, width), zlib.compress(np.packbits(piece.pixels).tobytes(), 1)
    )
