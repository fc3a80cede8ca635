"""From the logits of a model's answers to suggestions, at any threshold: no network is asked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_medkd.inference.automatic import expected_overlap, log_odds
from napari_medkd.inference.cutout import Piece, Unit
from napari_medkd.session.suggestion import EVERYWHERE, Nothing, Part, Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_medkd.inference.cutout import Cutout
    from napari_medkd.session.suggestion import Key

_AROUND = 0.25  # of an object's size that its surroundings reach: what it may be missing is looked for there
_SAME = 0.5  # intersection over union from which on masks of neighbouring slices are one object's
_SMALLEST = 4  # pixels


@dataclass(frozen=True, slots=True)
class Cut:
    """How answers become suggestions.

    Parameters
    ----------
    threshold : float or None
        Probability above which a pixel belongs to an object; None takes the model's own.
    apart : bool or None
        Whether each connected part of a target is suggested on its own; None leaves it to the model.
    """

    threshold: float | None = None
    apart: bool | None = None

    def level(self, cutout: Cutout) -> float:
        """Return the log odds above which a pixel belongs to it."""
        return log_odds(cutout.threshold if self.threshold is None else self.threshold)

    def unit(self, cutout: Cutout) -> Unit:
        """Return what is one object in an answer."""
        if self.apart is None or cutout.unit is Unit.OBJECT:
            return cutout.unit
        return Unit.PART if self.apart else Unit.TARGET


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A part of a suggestion before it is known which, with what names it: the surest is asked."""

    part: Part
    key: Key
    peak: float


def cut(answers: Iterable[Sequence[Cutout]], how: Cut) -> tuple[list[Suggestion], list[Nothing]]:
    """Return what answers suggest, the least sure first, and which targets they show nowhere on a slice.

    `answers` are those about one slice after another. Parts on neighbouring slices are one object where they
    touch (connected parts), or where their masks are alike (objects that were asked for one by one).
    """
    found: dict[tuple[str, Unit], dict[int, list[_Found]]] = defaultdict(lambda: defaultdict(list))
    nothing = []
    for on_slice in answers:
        for number, cutout in enumerate(on_slice):
            unit = how.unit(cutout)
            regions = list(_regions(cutout, how.level(cutout), unit, number))
            found[cutout.name, unit][cutout.plane.index] += regions
            if not regions and cutout.unit is not Unit.OBJECT:
                nothing.append(Nothing(cutout.plane, cutout.name, _sure_of_nothing(cutout)))
    made = [_suggestion(group) for (_, unit), slices in found.items() for group in _joined(slices, unit)]
    return sorted((one for one in made if _is_seen(one)), key=lambda one: one.score), nothing


def _regions(cutout: Cutout, level: float, unit: Unit, number: int) -> Iterator[_Found]:
    if unit is Unit.PART:
        yield from _parts(cutout, level)
        return
    piece = cutout.at(level)
    if piece is None:
        return
    if unit is Unit.OBJECT:
        key = cutout.name, cutout.plane.index, number
        yield _Found(Part.of(piece, cutout.score, cutout, level), key, cutout.score)
    else:
        score = expected_overlap(cutout.logits.astype(np.float32), level)
        yield _Found(Part.of(piece, score, cutout, level), (cutout.name, EVERYWHERE, 0), score)


def _sure_of_nothing(cutout: Cutout) -> float:
    """Return the probability that even the likeliest pixel is no object."""
    likeliest = cutout.logits.max(initial=-np.inf)
    return float(1 - _probability(np.array(likeliest, np.float32)))


def _parts(cutout: Cutout, level: float) -> Iterator[_Found]:
    """Yield the connected parts of a target, each with the overlap to expect of it alone."""
    whole = cutout.at(level)
    if whole is None:
        return
    labels, _ = ndimage.label(whole.pixels, np.ones((3, 3), int))
    rows, columns = _cells(cutout, whole)
    answer = cutout.answer
    for value, window in enumerate(ndimage.find_objects(labels), start=1):
        mine = labels[window] == value
        wide = _widened(window, labels.shape)
        around = _probability(answer[np.ix_(rows[wide[0]], columns[wide[1]])])
        here = labels[wide]
        inside, missing = around[here == value].sum(), around[here == 0].sum()
        score = float(inside / (np.count_nonzero(mine) + missing))
        logits = np.where(mine, answer[np.ix_(rows[window[0]], columns[window[1]])], -np.inf)
        row, column = np.unravel_index(int(logits.argmax()), logits.shape)
        cell = int(rows[window[0]][row]) * cutout.side + int(columns[window[1]][column])
        corner = whole.corner[0] + window[0].start, whole.corner[1] + window[1].start
        part = Part.of(Piece(corner, mine), score, cutout, level)
        yield _Found(part, (cutout.name, cutout.plane.index, cell), float(logits.max()))


def _cells(cutout: Cutout, piece: Piece) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row and the column of the answer that each row and column of a piece lies in."""
    frame = cutout.frame
    first = frame.view.top, frame.view.left
    rows, columns = (
        np.clip(
            (np.arange(part.start, part.stop) - start + 0.5)
            * (fitted / length * cutout.side / frame.preprocessing.size),
            0,
            cutout.side - 1,
        ).astype(np.intp)
        for part, start, fitted, length in zip(
            piece.window, first, frame.fitted, frame.view.shape, strict=True
        )
    )
    return rows, columns


def _widened(window: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return a rectangle with its surroundings."""
    rows, columns = (
        slice(
            max(0, part.start - round(_AROUND * (part.stop - part.start)) - 1),
            min(length, part.stop + round(_AROUND * (part.stop - part.start)) + 1),
        )
        for part, length in zip(window, shape, strict=True)
    )
    return rows, columns


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50))))


def _joined(slices: dict[int, list[_Found]], unit: Unit) -> Iterator[list[_Found]]:
    """Yield the parts that are one object."""
    if unit is Unit.TARGET:
        yield [one for index in sorted(slices) for one in slices[index]]
        return
    groups = _Groups([one for index in sorted(slices) for one in slices[index]])
    for index, upper in slices.items():
        for one, other in _neighbours(upper, slices.get(index + 1, [])):
            shared = one.part.piece.shared(other.part.piece)
            union = one.part.pixels + other.part.pixels - shared
            if shared and (unit is Unit.PART or shared >= _SAME * union):
                groups.join(one, other)
    yield from groups.all()


def _neighbours(upper: list[_Found], lower: list[_Found]) -> Iterator[tuple[_Found, _Found]]:
    """Yield those pairs of two slices whose rectangles meet."""
    if not upper or not lower:
        return
    edges = np.array([_edges(one.part.piece) for one in lower])
    for one in upper:
        top, left, bottom, right = _edges(one.part.piece)
        meets = (edges[:, 0] < bottom) & (edges[:, 2] > top) & (edges[:, 1] < right) & (edges[:, 3] > left)
        for place in np.flatnonzero(meets):
            yield one, lower[place]


def _edges(piece: Piece) -> tuple[int, int, int, int]:
    rows, columns = piece.window
    return rows.start, columns.start, rows.stop, columns.stop


class _Groups:
    """Parts that belong together, joined two by two."""

    def __init__(self, found: Sequence[_Found]) -> None:
        self._leader = {id(one): one for one in found}
        self._found = found

    def join(self, one: _Found, other: _Found) -> None:
        """Have two parts, and all that belongs to them, be one object."""
        self._leader[id(self._lead(one))] = self._lead(other)

    def all(self) -> Iterator[list[_Found]]:
        """Yield each group in the order in which its first part was given."""
        groups: dict[int, list[_Found]] = {}
        for one in self._found:
            groups.setdefault(id(self._lead(one)), []).append(one)
        yield from groups.values()

    def _lead(self, one: _Found) -> _Found:
        leader = self._leader[id(one)]
        while leader is not one:
            one, leader = leader, self._leader[id(leader)]
        return one


def _suggestion(group: list[_Found]) -> Suggestion:
    """Put parts together; those of one slice (of a target in one piece, or that meet elsewhere) are one."""
    key = max(group, key=lambda one: one.peak).key
    slices: dict[int, list[Part]] = defaultdict(list)
    for one in group:
        slices[one.part.plane.index].append(one.part)
    return Suggestion.of(key, tuple(_one_part(slices[index]) for index in sorted(slices)))


def _one_part(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    largest = max(parts, key=lambda part: part.pixels)
    score = float(np.average([part.score for part in parts], weights=[part.pixels for part in parts]))
    return Part.of(Piece.joined([part.piece for part in parts]), score, largest.cutout)


def _is_seen(one: Suggestion) -> bool:
    """Tell whether an object is as large as what the network tells apart, on one slice at least."""
    part = one.main
    frame = part.cutout.frame
    cell = [
        length * frame.preprocessing.size / fitted / part.cutout.side
        for length, fitted in zip(frame.view.shape, frame.fitted, strict=True)
    ]
    return part.pixels >= max(_SMALLEST, cell[0] * cell[1])
