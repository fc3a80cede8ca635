"""A glance at an image that nobody has corrected: how sure the model is of it, and what it looks like to it.

Sureness has two sides: the overlap that the network expects of its own masks, and how much a mask wavers
when the box around it is drawn a little otherwise ("prompt jitter"). What an image looks like is the mean of
its embedding, so that images of one kind lie close together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.core.objects import slice_axis
from napari_medkd.core.overlap import dice, iou
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.core.robot import first_box
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference import seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Embedding, Segmenter

    Mask = NDArray[np.bool_]

_GRID, _SPOTS = 3, 6  # points along a side, and on what stands out
_OBJECTS = 3  # that are looked at closely
_BOXES = 4  # drawn around each
_SAME = 0.5  # overlap from which two masks are one object
_SIZES = (20, 0.8)  # pixels at least, share of the slice at most
_SLICES = 3  # of a volume
_NEAR = 1e-9  # distance of two images that look the same
_CROWD = 1000  # images that an image is held against, of a folder of more


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """What a model makes of one image.

    Parameters
    ----------
    unsure : float
        One minus the overlap that the model expects of its masks, 0 to 1; 1 where it finds nothing.
    wavering : float
        How far its masks differ when the boxes around them are a little off, 0 to 1.
    likeness : ndarray (C,) float32
        Its mean embedding, of length 1.
    """

    unsure: float
    wavering: float
    likeness: NDArray[np.float32]

    @property
    def doubt(self) -> float:
        """Both kinds of doubt together, 0 to 1."""
        return (self.unsure + self.wavering) / 2


def glance(volume: Volume, segmenter: Segmenter, rng: Generator) -> Glance:
    """Look at an image, of a volume at some slices; some tenths of a second a slice.

    Raises
    ------
    InvalidPrompt
        The model takes neither points nor boxes.
    """
    found = [_of_slice(volume, plane, segmenter, rng) for plane in _planes(volume)]
    likeness = np.mean([one.likeness for one in found], axis=0)
    return Glance(
        float(np.mean([one.unsure for one in found])),
        float(np.mean([one.wavering for one in found])),
        _unit(likeness),
    )


def _planes(volume: Volume) -> list[Plane]:
    axis = slice_axis(volume.geometry)
    count = volume.shape[axis]
    places = (np.arange(_SLICES) + 1) * count // (_SLICES + 1) if count > _SLICES else np.arange(count)
    return [Plane(axis, int(place)) for place in places]


def _of_slice(volume: Volume, plane: Plane, segmenter: Segmenter, rng: Generator) -> Glance:
    if "point" not in segmenter.card.capabilities:
        raise InvalidPrompt(
            f"{segmenter.card.title} takes no points, so nothing tells how sure it is of an image.",
            "Choose a model that does, such as MedKD fast.",
        )
    embedding = segmenter.embed(volume, plane)
    found = _objects(volume.slice_seen(plane), embedding, segmenter)
    unsure = 1 - float(np.mean([score for score, _ in found])) if found else 1.0
    wavering = [_wavering(mask, embedding, segmenter, rng) for _, mask in found]
    return Glance(unsure, float(np.mean(wavering)) if wavering else 0.0, _likeness(embedding, volume, plane))


def _objects(
    image: NDArray[np.uint8], embedding: Embedding, segmenter: Segmenter
) -> list[tuple[float, Mask]]:
    """Return the objects that the model is surest of, with the overlap that it expects."""
    shape = image.shape[0], image.shape[1]
    points = np.concatenate([seeds.spots(image)[:_SPOTS], seeds.grid(shape, _GRID)])
    found: list[tuple[float, Mask]] = []
    for row, column in points:
        prompt = Prompt(embedding.plane, points=(Point(float(row), float(column)),))
        answer = segmenter.predict(embedding, prompt, quick=True)
        mask = answer.masks[0]
        if _SIZES[0] <= np.count_nonzero(mask) <= _SIZES[1] * mask.size:
            found.append((answer.scores[0], mask))
    found.sort(key=lambda one: -one[0])
    kept: list[tuple[float, Mask]] = []
    for score, mask in found:
        if len(kept) < _OBJECTS and all(iou(mask, other) < _SAME for _, other in kept):
            kept.append((score, mask))
    return kept


def _wavering(mask: Mask, embedding: Embedding, segmenter: Segmenter, rng: Generator) -> float:
    if "box" not in segmenter.card.capabilities:
        return 0.0
    answers = [
        segmenter.predict(embedding, Prompt(embedding.plane, box=first_box(mask, rng)), quick=True).masks[0]
        for _ in range(_BOXES)
    ]
    return float(np.mean([1 - dice(a, b) for number, a in enumerate(answers) for b in answers[:number]]))


def _likeness(embedding: Embedding, volume: Volume, plane: Plane) -> NDArray[np.float32]:
    features = embedding.features
    if isinstance(features, tuple) and isinstance(features[0], np.ndarray):
        return _unit(features[0][0].mean(axis=(1, 2)))
    # What another process has encoded stays there: the grey values must do.
    levels, _ = np.histogram(volume.slice_seen(plane), bins=64, range=(0, 256))
    return _unit(levels.astype(np.float32))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)


def order(glances: Sequence[Glance], seen: Sequence[Glance] = ()) -> list[int]:
    """Return in which order to correct: first what stands for most images that nobody corrected yet.

    Greedy facility location (Wei, Iyer and Bilmes 2015): an image counts by how much closer it brings all the
    others to one that was corrected; of those that bring as much, the most doubtful comes first. With few
    corrections typical images teach more than odd ones (Hacohen, Dekel and Weinshall 2022). Doubt first, with
    the k-centre rule of Sener and Savarese 2018 or with this one, taught less than a random order (measured,
    docs/benchmarks.md).

    Parameters
    ----------
    glances : sequence of Glance
        Of the images to be put in order.
    seen : sequence of Glance
        Of images that were corrected already.
    """
    if not glances:
        return []
    looks = np.stack([one.likeness for one in glances])
    crowd = looks[np.linspace(0, len(looks) - 1, min(len(looks), _CROWD)).astype(int)]
    apart = np.clip(1 - looks @ crowd.T, 0, None)
    doubt = np.array([one.doubt for one in glances])
    near = np.ones(len(crowd))
    for one in seen:
        near = np.minimum(near, 1 - crowd @ one.likeness)
    left = list(range(len(glances)))
    chosen: list[int] = []
    while left:
        brought = np.clip(near - apart[left], 0, None).mean(1)
        worth = (brought / max(float(brought.max()), _NEAR)).round(2)
        best = left[int(np.lexsort((doubt[left], worth))[-1])]
        left.remove(best)
        chosen.append(best)
        near = np.minimum(near, apart[best])
    return chosen
