"""Users made of the robot: who correct images of a data set, and whose corrections are kept as anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.prompts import Prompt
from napari_medkd.core.robot import noisy_click
from napari_medkd.corrections import Correction, places
from napari_medkd.inference.asking import ask
from napari_medkd.learning.glance import glance, order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Embedding, Segmenter
    from src_training.data import Case, ImageMaskFolder
    from src_training.objects import Target

_CLICKS = 3  # of a user on one object, before he paints the rest


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One image to correct: a picture, or a slice of a volume, with its objects."""

    case: Case
    volume: Volume
    targets: tuple[Target, ...]

    @property
    def plane(self) -> Plane:
        """The slice."""
        return self.targets[0].plane


def images(folder: ImageMaskFolder, rng: Generator) -> list[Image]:
    """Return one image of every case, in an order of chance; of a volume, a slice of chance."""
    found = []
    for place in rng.permutation(len(folder)):
        volume, targets = folder.cases[place].objects()
        if targets:
            planes = sorted({(one.plane.axis, one.plane.index) for one in targets})
            plane = planes[int(rng.integers(len(planes)))]
            here = tuple(one for one in targets if (one.plane.axis, one.plane.index) == plane)
            found.append(Image(folder.cases[place], volume, here))
    return found


def ranked(found: Sequence[Image], segmenter: Segmenter, rng: Generator) -> list[Image]:
    """Return images in the order in which `medkd learn next` would have them corrected."""
    glances = [glance(one.volume.with_window(one.volume.window), segmenter, rng) for one in found]
    return [found[place] for place in order(glances)]


def correct(found: Sequence[Image], segmenter: Segmenter, label: str, rng: Generator) -> int:
    """Have a user correct images with a model's help; returns how many objects were kept."""
    count = 0
    with places.open_store() as store:
        for image in found:
            embedding = segmenter.embed(image.volume, image.plane)
            for target in image.targets:
                prompt, first, last = _asked(segmenter, embedding, target.mask, rng)
                store.add(
                    Correction.of(
                        image.volume,
                        prompt,
                        target.mask,
                        label=label,
                        first=first,
                        proposal=last,
                        case=image.case.name,
                        model=segmenter.card.id,
                    )
                )
                count += 1
    return count


def _asked(
    segmenter: Segmenter, embedding: Embedding, truth: NDArray[np.bool_], rng: Generator
) -> tuple[Prompt, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what the user said, and the model's first and last answer."""
    prompt, mask, seen = Prompt(embedding.plane), np.zeros_like(truth), None
    first = mask
    for number in range(_CLICKS):
        click = noisy_click(truth, mask, rng, prompt.points)
        if click is None:
            break
        prompt = Prompt(embedding.plane, points=(*prompt.points, click))
        seen = ask(segmenter, embedding, prompt, seen.seen(0) if seen is not None else None)
        mask = seen.masks[0]
        first = mask if number == 0 else first
    return prompt, first, mask
