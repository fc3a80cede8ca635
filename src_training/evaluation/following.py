"""One object followed through a volume from a box, and again after each slice that its user corrects."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Prompt
from napari_medkd.core.robot import first_box
from napari_medkd.inference.volumetric import Found, Reach, propagate
from src_training.evaluation.previous_box import follow_box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter

Rule = Literal["motion", "previous-box"]


@dataclass(frozen=True, slots=True)
class Following:
    """How objects are followed.

    Parameters
    ----------
    rule : str
        ``motion``: ours; ``previous-box``: the next box is the last mask's and 3 pixels.
    ranged : bool
        Give the object's first and last slice, as a box in three dimensions does.
    axis : int, optional
        Axis that the slices lie across; the one that the volume was acquired along where None.
    corrections : int
        Slices that a simulated user corrects one after the other, each time the worst one; ``motion`` only.
    """

    rule: Rule = "motion"
    ranged: bool = False
    axis: int | None = None
    corrections: int = 0


@dataclass(slots=True)
class Followed:
    """What was found.

    Parameters
    ----------
    mask : ndarray (z, y, x) bool
        The object.
    count : int
        Slices that it was found on.
    seconds : list of float
        Time of each slice that was answered, encoding included; not of the one with the box.
    """

    mask: NDArray[np.bool_]
    count: int = 0
    seconds: list[float] = field(default_factory=list)


def follow(
    segmenter: Segmenter, volume: Volume, start: Plane, truth: NDArray[np.bool_], how: Following
) -> Iterator[Followed]:
    """Follow an object from the box on one slice; then from all slices that were corrected so far, too.

    The user corrects the slice with the most wrong pixels to the truth; where the object is not on it, the
    object is ended before it. With nothing left to correct it stops.

    Parameters
    ----------
    start : Plane
        The slice with the box.
    truth : ndarray (z, y, x) bool
        The object.

    Yields
    ------
    Followed
        By the box, then after each correction.
    """
    held = np.flatnonzero(truth.any(axis=tuple({0, 1, 2} - {start.axis})))
    reach = Reach(int(held[0]), int(held[-1])) if how.ranged else Reach()
    box = Prompt(start, box=first_box(truth[start.slicing()]))
    given = {start.index: segmenter.predict(segmenter.embed(volume, start), box).masks[0]}
    found = _followed(segmenter, volume, start, given, reach, how.rule)
    yield found
    for _ in range(how.corrections):
        worst = _worst(found.mask, truth, start.axis, set(given))
        if worst is None:
            return
        right = truth[Plane(start.axis, worst).slicing()]
        if right.any():
            given[worst] = right
        elif worst > start.index:
            reach = replace(reach, last=int(held[-1]))
        else:
            reach = replace(reach, first=int(held[0]))
        found = _followed(segmenter, volume, start, given, reach, how.rule)
        yield found


def _followed(
    segmenter: Segmenter,
    volume: Volume,
    start: Plane,
    given: dict[int, NDArray[np.bool_]],
    reach: Reach,
    rule: Rule,
) -> Followed:
    masks = {index: mask for index, mask in given.items() if mask.any()}
    seconds = []
    if masks:
        walk = (
            propagate(volume, segmenter, start.axis, dict(masks), reach=reach)
            if rule == "motion"
            else follow_box(volume, segmenter, start.axis, start.index, masks[start.index], reach)
        )
        began = time.perf_counter()
        for one in walk:
            if isinstance(one, Found):
                masks[one.plane.index] = one.mask
                seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
    whole = np.zeros(volume.shape, np.bool_)
    for index, mask in masks.items():
        whole[Plane(start.axis, index).slicing()] = mask
    return Followed(whole, len(masks), seconds)


def _worst(found: NDArray[np.bool_], truth: NDArray[np.bool_], axis: int, given: set[int]) -> int | None:
    """Return the slice with the most wrong pixels but for those given; None where all are right."""
    wrong = np.count_nonzero(found != truth, axis=tuple({0, 1, 2} - {axis}))
    wrong[list(given)] = 0
    return int(wrong.argmax()) if wrong.any() else None
