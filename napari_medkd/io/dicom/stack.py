"""From loose slices to one grid: sorting, repeated and missing slices, the affine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Geometry
from napari_medkd.io.axes import from_columns, reverse_axes, swap_lps
from napari_medkd.io.frames import choose_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.io.dicom.slices import Slice

_SAME_MM = 0.01  # positions closer than this are the same place
_IRREGULAR = 0.05  # gaps that differ by more than this share are worth a sentence
_TILT_DEGREES = 0.5


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in the order of the grid's first axis, where that grid lies, and what the user should know."""

    slices: tuple[Slice, ...]
    geometry: Geometry
    notes: tuple[str, ...]


def arrange(slices: Sequence[Slice], name: str, frame: int | None) -> Stack:
    """Sort the slices of one series into a volume; of several images at each place, take the chosen one.

    Slices are sorted along their normal, so that file names and instance numbers do not matter. Where the
    header gives no positions, time and instance number decide.
    """
    unique = list({one.uid: one for one in slices}.values())
    copies = len(slices) - len(unique)
    notes = [f"Copies of slices left out: {copies}."] if copies else []
    kept = _same_plane(unique)
    if len(kept) < len(unique):
        notes.append(f"Images of another size or direction left out: {len(unique) - len(kept)}.")
    if any(one.position is None or one.orientation is None for one in kept):
        return _by_number(kept, notes, name, frame)
    chosen, more = _one_per_place(kept, name, frame)
    affine, said = _affine(chosen)
    shape = (len(chosen), *chosen[0].size)
    return Stack(tuple(chosen), Geometry(shape, affine), (*notes, *more, *said))


def _same_plane(slices: list[Slice]) -> list[Slice]:
    """Keep the largest group of slices with the same size and direction (a localiser may hide in a file)."""
    groups: list[list[Slice]] = []
    for one in slices:
        group = next((group for group in groups if group[0].shares_plane(one)), None)
        if group is None:
            groups.append(group := [])
        group.append(one)
    return max(groups, key=len)


def _by_number(slices: list[Slice], notes: list[str], name: str, frame: int | None) -> Stack:
    ordered = sorted(slices, key=lambda one: one.order)
    if frame is not None:
        number, said = choose_frame(name, len(ordered), frame)
        ordered, notes = [ordered[number]], [*notes, *said]
    elif len(ordered) > 1:
        notes = [*notes, f"The {len(ordered)} images have no positions; they are shown one after another."]
    first = ordered[0]
    rows, columns = first.spacing or (1.0, 1.0)
    depth = first.thickness if len(ordered) > 1 and first.thickness else 1.0
    geometry = Geometry.image((len(ordered), *first.size), (depth, rows, columns))
    return Stack(tuple(ordered), geometry, tuple(notes))


def _one_per_place(slices: list[Slice], name: str, frame: int | None) -> tuple[list[Slice], tuple[str, ...]]:
    """Return one slice for each place along the normal, in order."""
    normal = slices[0].normal
    places: list[list[Slice]] = []
    last = -np.inf
    for one in sorted(slices, key=lambda one: one.depth(normal)):
        along = one.depth(normal)
        if along - last > _SAME_MM:
            places.append([])
            last = along
        places[-1].append(one)
    counts = Counter(len(place) for place in places)
    for place in places:
        place.sort(key=lambda one: one.order)
    if len(counts) == 1:
        number, notes = choose_frame(name, len(places[0]), frame)
        return [place[number] for place in places], notes
    surplus = len(slices) - len(places)
    note = f"Images at the place of another left out: {surplus}; the first of each place is shown."
    return [place[0] for place in places], (note,)


def _affine(slices: list[Slice]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return (z, y, x) → RAS mm of sorted slices, and sentences on what does not fit a grid."""
    first, last = slices[0], slices[-1]
    assert first.orientation is not None and first.position is not None and last.position is not None
    rows, columns = first.spacing or (1.0, 1.0)
    step = first.normal * (first.thickness or 1.0)
    notes: list[str] = []
    if len(slices) > 1:
        step = (last.position - first.position) / (len(slices) - 1)
        notes += _gap_notes(slices) + _tilt_notes(step, first.normal)
    matrix = np.stack([first.orientation[0] * columns, first.orientation[1] * rows, step], axis=1)
    return reverse_axes(swap_lps(from_columns(matrix, first.position))), tuple(notes)


def _gap_notes(slices: list[Slice]) -> list[str]:
    normal = slices[0].normal
    gaps = np.diff([one.depth(normal) for one in slices])
    usual = float(np.median(gaps))
    if gaps.max() - gaps.min() <= _IRREGULAR * usual:
        return []
    missing = int(np.maximum(np.rint(gaps / usual) - 1, 0).sum())
    gone = f"; missing as it seems: {missing}" if missing else ""
    sentence = f"The slices are not evenly spaced ({gaps.min():.3g} to {gaps.max():.3g} mm{gone})."
    return [f"{sentence} Lengths across slices are approximate."]


def _tilt_notes(step: NDArray[np.float64], normal: NDArray[np.float64]) -> list[str]:
    cosine = float(step @ normal / np.linalg.norm(step))
    degrees = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if degrees < _TILT_DEGREES:
        return []
    return [f"The gantry was tilted: slices are shifted by {degrees:.1f}° against their normal."]
