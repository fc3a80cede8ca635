"""A model looking for objects by itself, slice after slice, on the worker's thread."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from napari_medkd.inference import everything
from napari_medkd.inference.automatic import chosen_targets
from napari_medkd.inference.cutout import Cutout, Unit
from napari_medkd.inference.everything import Effort

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Embedding, Prediction, Segmenter
    from napari_medkd.models.card import ModelCard

    Embed = Callable[[Volume, Segmenter, Plane], Embedding]

_TELL = 0.1  # seconds between two words about progress; also what a click waits for at most
_MANY = 4  # slices of a volume that are asked at as many points as a picture is
_LESS = Effort(grid=6, spots=60)  # for each slice of more: what one misses its neighbours show
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: some slices of an image."""

    volume: Volume
    planes: tuple[Plane, ...]


@dataclass(frozen=True, slots=True)
class How:
    """Who looks, and what for.

    Parameters
    ----------
    segmenter : Segmenter
        The model.
    modality : str
        Kind of image, where the user says it; the model's own router decides where that is empty.
    """

    segmenter: Segmenter
    modality: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether the model is asked at many points since it finds nothing by itself."""
        return "auto" not in self.segmenter.card.capabilities


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found on a slice.

    Parameters
    ----------
    content_id : str
        Names the image.
    plane : Plane
        The slice.
    answers : tuple of Cutout
        What the model said.
    kinds : dict
        How likely each kind of image is; empty where the model does not tell.
    modality : str
        The kind that it was taken for; empty where the model does not tell.
    is_last : bool
        Whether it was the image's last slice.
    share : float
        How much of all slices is done, 0 to 1.
    """

    content_id: str
    plane: Plane
    answers: tuple[Cutout, ...]
    kinds: dict[str, float]
    modality: str
    is_last: bool
    share: float


@dataclass(frozen=True, slots=True)
class Share:
    """How much of all slices is done, 0 to 1, in the middle of one."""

    share: float


def can_look(card: ModelCard) -> bool:
    """Tell whether a model finds objects by itself, or can be asked at many points."""
    return "auto" in card.capabilities or everything.can_search(card)


def look(places: Sequence[Place], how: How, embed: Embed) -> Iterator[Looked | Share]:
    """Yield what is found on each slice, and how far it is in between."""
    total, done = sum(len(place.planes) for place in places), 0
    for place in places:
        kinds = _kinds(place, how, embed)
        modality = how.modality or next(iter(kinds), "")
        for plane in place.planes:
            effort = Effort() if len(place.planes) <= _MANY else _LESS
            steps = _on_slice(place.volume, plane, how, modality, embed, effort)
            answers = yield from _paced(steps, done, total)
            done += 1
            is_last = plane == place.planes[-1]
            content_id = place.volume.content_id
            yield Looked(content_id, plane, answers, kinds, modality, is_last, done / total)


def _kinds(place: Place, how: How, embed: Embed) -> dict[str, float]:
    """Return how likely an image is of each kind, by the slice in its middle."""
    if how.is_asked or not how.segmenter.card.architecture.kinds:
        return {}
    middle = sorted(place.planes, key=lambda plane: plane.index)[len(place.planes) // 2]
    return how.segmenter.modality_of(embed(place.volume, how.segmenter, middle))


def _on_slice(
    volume: Volume, plane: Plane, how: How, modality: str, embed: Embed, effort: Effort
) -> Generator[float, None, tuple[Cutout, ...]]:
    """Look at a slice; yields the share that is done."""
    segmenter = how.segmenter
    embedding = embed(volume, segmenter, plane)
    if not how.is_asked:
        found = segmenter.propose(embedding, modality)
        return tuple(_cutout(answer, segmenter.card, modality) for answer in found)
    steps = everything.search(volume, embedding, segmenter, effort)
    while True:
        try:
            asked, of = next(steps)
        except StopIteration as end:
            answers: list[Cutout] = end.value
            return tuple(answers)
        yield asked / of


def _cutout(answer: Prediction, card: ModelCard, modality: str) -> Cutout:
    """Keep an answer for one of the card's targets."""
    chosen = (card.targets[index] for index in chosen_targets(card, modality))
    target = next(one for one in chosen if one.name == answer.names[0])
    return Cutout.of(answer, 0, Unit.TARGET if target.joined else Unit.PART, target.threshold)


def _paced(steps: Generator[float, None, T], done: int, total: int) -> Generator[Share, None, T]:
    """Work through a slice, the next after `done` of `total`, and say now and then how far it is."""
    told = time.monotonic()
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if time.monotonic() - told >= _TELL:
            yield Share((done + share) / total)
            told = time.monotonic()
