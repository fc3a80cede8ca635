"""Every object of a slice, found by a model that needs prompts, which is asked at many points.

The idea is that of segment-anything's automatic masks (Kirillov et al. 2023, section 4 and appendix B): a
mask counts where the network expects it to fit and where it stays the same as its threshold moves, and of
masks of the same object the best is kept. Otherwise than there, points lie on spots that stand out as well as
on a grid, nobody asks about pixels of an object that was found already, masks that lie in one another are
one object, and where the objects turn out to be small, the slice is looked at again in crops, in which they
are seen well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference import seeds
from napari_medkd.inference.cutout import Cutout, Piece
from napari_medkd.inference.sam_segmenter import stability
from napari_medkd.inference.zoom import Crop

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from numpy.typing import NDArray

    from napari_medkd.inference.segmenter import Embedding, Segmenter
    from napari_medkd.models.card import ModelCard

_OVERLAP = 0.25  # of a crop's side that it shares with the next
_SEEN_WELL = 0.12  # of a view's side: smaller objects are looked at again in a closer view
_WANTED = 0.2  # of a view's side that an object should take up there
_SMALLEST_VIEW = 64  # pixels of the slice: closer than that there is nothing more to see
_FEW = 3  # objects that say how large the others are
_UNSEEN = 0.03  # of a large slice's side: how long objects are taken to be where none was found
_CLOSER = 3  # times as many spots in a closer look


@dataclass(frozen=True, slots=True)
class Effort:
    """How to look for everything.

    Parameters
    ----------
    grid : int
        Points on the longer side of the grid that covers the whole slice.
    spots : int
        At most so many points on spots that stand out; three times as many in a closer look.
    score, stability : float
        Predicted intersection over union, and how alike the mask cut too high and too low are, that a mask
        must reach, 0 to 1.
    sure : float
        The same for the product of both, for a mask whose pixels are not asked about again.
    same : float
        Share of the smaller of two masks that the other covers from which on they are taken for one object.
    smallest : int
        Pixels of an object at least.
    largest : float
        Share of the slice that an object covers at most.
    """

    grid: int = 8
    spots: int = 160
    score: float = 0.5
    stability: float = 0.7
    sure: float = 0.6
    same: float = 0.5
    smallest: int = 12
    largest: float = 0.9


def can_search(card: ModelCard) -> bool:
    """Tell whether a model can be asked at points."""
    return "point" in card.capabilities


def search(
    volume: Volume, embedding: Embedding, segmenter: Segmenter, effort: Effort | None = None
) -> Generator[tuple[int, int], None, list[Cutout]]:
    """Find every object of an encoded slice.

    Yields
    ------
    done, total : int
        How far it is; it can be left at any time.

    Returns
    -------
    found : list of Cutout
        The objects, none of which lies in another, the surest first; their scores are the predicted
        intersection over union.

    Raises
    ------
    InvalidPrompt
        Where the model cannot be asked at points.
    """
    if not can_search(segmenter.card):
        raise InvalidPrompt(
            f"{segmenter.card.title} takes no points, so it cannot look for everything.",
            "Choose a model that does, such as MedKD fast.",
        )
    effort, plane, shape = effort or Effort(), embedding.plane, embedding.frame.shape
    image, collected = volume.slice_seen(plane), _Collected(embedding.frame.shape, effort)
    points = np.concatenate([seeds.spots(image)[: effort.spots], seeds.grid(shape, effort.grid)])
    whole = _View(segmenter, embedding, plane, Crop.whole(shape), shape)
    for done in _ask(whole, points, collected):
        yield done, 2 * len(points)
    length = collected.usual_length()
    side = _closer_side(shape, length, segmenter.card.preprocessing.size)
    if side is None:
        return collected.best()
    collected.forget_small(max(shape))
    points = seeds.spots(image, length or _UNSEEN * max(shape))[: _CLOSER * effort.spots]
    done = 0
    for crop, here in _shared_out(points, _crops(shape, side)):
        view = _View(segmenter, _closer(segmenter, volume, plane, crop), plane, crop, shape)
        for one in _ask(view, here, collected):
            yield len(points) + done + one, 2 * len(points)
        done += len(here)
    return collected.best()


def _ask(view: _View, points: NDArray[np.float64], collected: _Collected) -> Generator[int, None, None]:
    """Ask at the points of a view that are not known yet; yields how many are done."""
    for done, (row, column) in enumerate(points, start=1):
        if not collected.knows((row, column)):
            collected.add(view.ask((float(row), float(column))))
        yield done


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """One mask that a model gave, and what it thinks of it."""

    cutout: Cutout
    piece: Piece
    stability: float
    pixels: int

    @property
    def quality(self) -> float:
        """How far it is to be believed, 0 to 1."""
        return self.cutout.score * self.stability


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A slice of `shape`, or a crop of it encoded as an image of its own, that is asked at points."""

    segmenter: Segmenter
    embedding: Embedding
    plane: Plane
    crop: Crop
    shape: tuple[int, int]

    def ask(self, point: tuple[float, float]) -> Iterator[_Candidate]:
        """Yield the model's candidates at a (row, column) of the slice."""
        row, column = point[0] - self.crop.top, point[1] - self.crop.left
        prompt = Prompt(self.embedding.plane, (Point(row, column),))
        answer = self.segmenter.predict(self.embedding, prompt, quick=True)
        is_crop = self.crop.shape != self.shape
        frame = replace(answer.frame, shape=self.shape, crop=self.crop) if is_crop else answer.frame
        answer = replace(answer, prompt=Prompt(self.plane, (Point(*point),)), frame=frame)
        for choice, stable in enumerate(stability(answer.logits)):
            piece = Piece.of(answer.masks[choice], (self.crop.top, self.crop.left))
            if piece is not None and not self._is_cut_off(piece):
                yield _Candidate(Cutout.of(answer, choice), piece, float(stable), piece.count)

    def _is_cut_off(self, piece: Piece) -> bool:
        """Tell whether an object goes on beyond the edge of the crop; the slice's own edge is none."""
        crop, (rows, columns) = self.crop, piece.window
        return (
            (rows.start <= crop.top and crop.top > 0)
            or (columns.start <= crop.left and crop.left > 0)
            or (rows.stop >= crop.bottom and crop.bottom < self.shape[0])
            or (columns.stop >= crop.right and crop.right < self.shape[1])
        )


class _Collected:
    """The candidates that passed, and which pixels need not be asked about again."""

    def __init__(self, shape: tuple[int, int], effort: Effort) -> None:
        self._effort = effort
        self._known = np.zeros(shape, np.bool_)
        self._largest = effort.largest * shape[0] * shape[1]
        self._kept: list[_Candidate] = []

    def knows(self, point: tuple[float, float]) -> bool:
        """Tell whether a (row, column) lies in an object that was surely found."""
        rows, columns = self._known.shape
        row, column = min(round(point[0]), rows - 1), min(round(point[1]), columns - 1)
        return bool(self._known[row, column])

    def add(self, candidates: Iterable[_Candidate]) -> None:
        """Take those that are good enough."""
        effort = self._effort
        for one in candidates:
            if (
                one.cutout.score >= effort.score
                and one.stability >= effort.stability
                and effort.smallest <= one.pixels <= self._largest
            ):
                self._kept.append(one)
                if one.quality >= effort.sure:
                    self._known[one.piece.window] |= one.piece.pixels

    def usual_length(self) -> float | None:
        """Return how long most objects are that were found so far, in pixels; None where too few were."""
        lengths = [max(one.piece.pixels.shape) for one in self._best()]
        return float(np.median(lengths)) if len(lengths) >= _FEW else None

    def forget_small(self, side: int) -> None:
        """Have the pixels of objects asked about again that were small in a view of `side` pixels."""
        self._known[:] = False
        for one in self._kept:
            if one.quality >= self._effort.sure and max(one.piece.pixels.shape) >= _SEEN_WELL * side:
                self._known[one.piece.window] |= one.piece.pixels

    def best(self) -> list[Cutout]:
        """Return the best of the candidates that share their pixels, surest first."""
        return [one.cutout for one in self._best()]

    def _best(self) -> list[_Candidate]:
        chosen: list[_Candidate] = []
        for one in sorted(self._kept, key=lambda one: -one.quality):
            if not any(self._is_same(one, other) for other in chosen):
                chosen.append(one)
        return chosen

    def _is_same(self, one: _Candidate, other: _Candidate) -> bool:
        return one.piece.shared(other.piece) >= self._effort.same * min(one.pixels, other.pixels)


def _closer(segmenter: Segmenter, volume: Volume, plane: Plane, crop: Crop) -> Embedding:
    """Encode a crop of a slice as an image of its own."""
    values = volume.slice(plane)[crop.pixels][np.newaxis]
    geometry = Geometry.image((1, *crop.shape))
    return segmenter.embed(Volume(values, geometry, volume.modality, volume.window, "crop"), Plane(0, 0))


def _closer_side(shape: tuple[int, int], length: float | None, size: int) -> int | None:
    """Return the side of crops in which objects so long are seen well; None where no closer look is needed.

    A slice much larger than the network's input may hold objects that are too small to be found in it.
    """
    longest = max(shape)
    if length is not None and length >= _SEEN_WELL * longest:
        return None
    side = max(_SMALLEST_VIEW, round(1.5 * size if length is None else length / _WANTED))
    return side if side <= longest / 1.5 else None


def _crops(shape: tuple[int, int], side: int) -> list[Crop]:
    """Return overlapping crops that cover a slice."""
    rows, columns = (_starts(length, side) for length in shape)
    return [
        Crop(top, left, min(top + side, shape[0]), min(left + side, shape[1]))
        for top in rows
        for left in columns
    ]


def _starts(length: int, side: int) -> list[int]:
    """Return where pieces of `side` begin that cover `length` evenly and overlap."""
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / (side * (1 - _OVERLAP))))
    return [round(start) for start in np.linspace(0, length - side, count)]


def _shared_out(points: NDArray[np.float64], crops: list[Crop]) -> Iterator[tuple[Crop, NDArray[np.float64]]]:
    """Yield each crop with the points that lie nearest to its middle; none without points."""
    middles = np.array([((crop.top + crop.bottom) / 2, (crop.left + crop.right) / 2) for crop in crops])
    away = np.abs(points[:, np.newaxis] - middles).max(axis=2)
    nearest = away.argmin(axis=1)
    for number, crop in enumerate(crops):
        if (nearest == number).any():
            yield crop, points[nearest == number]
