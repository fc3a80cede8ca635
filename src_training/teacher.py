"""The frozen teacher: what it sees in a picture, said once and kept on disk."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.inference.segmenter import Embedding, Segmenter
    from src_training.pictures import Picture

_PLANE = Plane(0, 0)
_VERSION = 1  # of what is kept; another one is made anew
_SURE = 0.8  # overlap that the teacher must predict for an object of its own
_FILLED = (0.25, 0.9)  # share of its box that an object may fill: less is scatter, more is the box itself
_SAME = 0.3  # overlap from which a new object is an old one again


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What the teacher says of one picture.

    Parameters
    ----------
    embedding : ndarray (C, g, g) float16
        Its embedding, averaged to the student's grid.
    inside : ndarray (g, g) float16
        Share of each cell that shows the picture.
    objects : ndarray (rows, columns) uint16
        Objects that it finds in boxes drawn at random, from 1; 0 is none.
    """

    embedding: NDArray[np.float16]
    inside: NDArray[np.float16]
    objects: NDArray[np.uint16]


class Teacher:
    """A model that answers boxes, and what it said before.

    Parameters
    ----------
    segmenter : Segmenter
        The model.
    cache : Path
        Where lessons are kept, for every run; deleting it costs time and nothing else.
    grid : int
        Rows and columns of the student's embedding.
    boxes : int
        Boxes drawn on each picture.
    """

    def __init__(self, segmenter: Segmenter, cache: Path, grid: int, boxes: int) -> None:
        self._segmenter = segmenter
        self._grid, self._boxes = grid, boxes
        card = segmenter.card
        known = f"{_VERSION}:{card.id}:{sorted(card.files.items())}:{card.preprocessing}:{grid}:{boxes}"
        self._cache = cache / f"{card.id}-{hashlib.sha256(known.encode()).hexdigest()[:12]}"

    def lessons(self, pictures: Sequence[Picture], tell: Callable[[int, int], None]) -> list[Lesson]:
        """Return the lesson on each picture; `tell` hears how many are done of how many."""
        found = []
        for number, picture in enumerate(pictures, start=1):
            found.append(self.lesson(picture))
            tell(number, len(pictures))
        return found

    def lesson(self, picture: Picture) -> Lesson:
        """Return what the teacher says, from the disk where it was said before."""
        content = hashlib.sha256(picture.image.tobytes() + str(picture.image.shape).encode())
        path = self._cache / f"{content.hexdigest()[:24]}.npz"
        kept = _read(path)
        if kept is None:
            kept = self._ask(picture, int.from_bytes(content.digest()[:4], "big"))
            _write(path, kept)
        return kept

    def _ask(self, picture: Picture, seed: int) -> Lesson:
        volume = Volume.from_array(picture.image[np.newaxis])
        embedding = self._segmenter.embed(volume, _PLANE)
        features = np.asarray(embedding.features[0])[0]
        pooled = functional.adaptive_avg_pool2d(torch.from_numpy(features), self._grid).numpy()
        inside = embedding.frame.to_low_resolution(np.ones(picture.objects.shape), self._grid)
        objects = self._objects(embedding, picture.objects.shape, np.random.default_rng(seed))
        return Lesson(pooled.astype(np.float16), inside.astype(np.float16), objects)

    def _objects(
        self, embedding: Embedding, shape: tuple[int, ...], rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        """Ask about boxes of every size; keep sure answers that are neither scatter nor the box itself."""
        objects = np.zeros(shape, np.uint16)
        for _ in range(self._boxes):
            side = np.exp(rng.uniform(np.log(0.08), np.log(0.6), 2)) * np.array(shape)
            corner = rng.uniform(0, np.array(shape) - side)
            box = Box(*(float(value) for value in (*corner, *(corner + side - 1))))
            prediction = self._segmenter.predict(embedding, Prompt(_PLANE, box=box))
            mask = prediction.masks[0]
            filled = mask.sum() / max(side.prod(), 1.0)
            taken = (objects[mask] > 0).mean() if mask.any() else 1.0
            if prediction.scores[0] >= _SURE and _FILLED[0] <= filled <= _FILLED[1] and taken <= _SAME:
                objects[mask & (objects == 0)] = objects.max() + 1
        return objects


def _read(path: Path) -> Lesson | None:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return Lesson(file["embedding"], file["inside"], file["objects"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None  # not there, or half of it: made again


def _write(path: Path, lesson: Lesson) -> None:
    half = path.with_suffix(".part.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(half, embedding=lesson.embedding, inside=lesson.inside, objects=lesson.objects)
        half.replace(path)
    except OSError as error:
        raise StorageError(
            f"What the teacher said could not be kept: {error.strerror or error}.", "Free some space."
        ) from error
