"""A model on label volumes: one box on the middle slice of an object, followed through the volume."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from napari_medkd import __version__
from napari_medkd.core.geometry import Plane
from napari_medkd.core.overlap import dice
from napari_medkd.core.prompts import Prompt
from napari_medkd.core.robot import first_box
from napari_medkd.core.surface import surface_scores
from napari_medkd.errors import InvalidPrompt, UnreadableFile
from napari_medkd.inference.volumetric import Found, Reach, propagate
from src_training.evaluation.previous_box import follow_box
from src_training.evaluation.report import Number, Part
from src_training.objects import slice_axis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter
    from src_training.data import Case, ImageMaskFolder

Rule = Literal["motion", "previous-box"]
Progress = Callable[[int, int], None]
TOLERANCE = 2.0  # mm, of the normalised surface Dice
WRONG = 0.7  # Dice of a slice below which somebody would correct it
_SLICES, _PIXELS = 3, 30  # an object on fewer slices, or smaller on its middle one, is not asked for


class VolumeRow(Part):
    """One object of one volume."""

    set: str = Field(description="Folder of the data set.")
    case: str = Field(description="The volume's file name without its ending.")
    object: str = Field(description="Its value in the mask; all where the whole mask is one object.")
    axis: int = Field(description="Axis that the slices lie across: 0 is z.")
    start: int = Field(description="The slice with the box, the middle one of the object.")
    slices: int = Field(description="Slices that the object truly is on.")
    found: int = Field(description="Slices that it was followed to, the first one included.")
    dice: float = Field(description="Of the volume, 0 to 1.")
    nsd: float = Field(description="Share of the surfaces within 2 mm of each other, 0 to 1.")
    start_dice: float = Field(description="Dice of the slice with the box.")
    to_correct: float = Field(description="Share of the object's slices with a Dice below 0.7.")
    seconds: float = Field(description="Median time of a further slice, encoding included.")


class VolumeReport(Part):
    """What `medkd evaluate --volume` writes."""

    schema_version: Literal[1] = 1
    version: str = Field(description="Version of napari-medkd.")
    model: str = Field(description="Id of the model.")
    runtime: str = Field(description="What ran it.")
    rule: Rule = Field(description="How a slice prompts the next one.")
    ranged: bool = Field(description="Whether the first and last slice of the object were given, too.")
    means: dict[str, dict[str, Number]] = Field(
        description="Name of the folder → n, and the means of dice, nsd, to_correct and seconds."
    )
    rows: list[VolumeRow] = Field(description="Every object that was asked for.")


def evaluate_volumes(
    segmenter: Segmenter,
    folders: Sequence[ImageMaskFolder],
    rule: Rule = "motion",
    ranged: bool = False,
    axis: int | None = None,
    limit: int | None = None,
    progress: Progress = lambda done, total: None,
) -> VolumeReport:
    """Ask a model for every object of every volume by one box.

    Parameters
    ----------
    rule : str
        ``motion``: ours; ``previous-box``: the next box is the last mask's and 3 pixels.
    ranged : bool
        Give the object's first and last slice, as a box in three dimensions does.
    axis : int, optional
        Axis that the slices lie across; the one that the volume was acquired along where None.
    limit : int, optional
        Only so many volumes of each folder, the first ones.
    """
    if "box" not in segmenter.card.capabilities:
        raise InvalidPrompt(f"{segmenter.card.title} takes no boxes.", "Choose a model that does.")
    chosen = [(folder, case) for folder in folders for case in folder.cases[:limit]]
    rows: list[VolumeRow] = []
    for done, (folder, case) in enumerate(chosen, start=1):
        rows += _case_rows(segmenter, folder, case, rule, ranged, axis)
        progress(done, len(chosen))
    if not rows:
        raise UnreadableFile("No volume with an object was found.", "Give folders of label volumes.")
    means = {folder.name: _means([row for row in rows if row.set == folder.name]) for folder in folders}
    return VolumeReport(
        version=__version__,
        model=segmenter.card.id,
        runtime=segmenter.runtime_name,
        rule=rule,
        ranged=ranged,
        means=means,
        rows=rows,
    )


def _case_rows(
    segmenter: Segmenter, folder: ImageMaskFolder, case: Case, rule: Rule, ranged: bool, axis: int | None
) -> Iterator[VolumeRow]:
    volume, labels = case.load()
    across = slice_axis(volume.geometry) if axis is None else axis
    is_whole = case.kind == "whole"
    values = ["all"] if is_whole else [str(value) for value in np.unique(labels[labels > 0])]
    for value in values:
        truth = labels > 0 if is_whole else labels == int(value)
        held = np.flatnonzero(truth.any(axis=tuple({0, 1, 2} - {across})))
        if held.size < _SLICES:
            continue
        start = Plane(across, int(held[held.size // 2]))
        if np.count_nonzero(truth[start.slicing()]) < _PIXELS:
            continue
        reach = Reach(int(held[0]), int(held[-1])) if ranged else Reach()
        found, seconds = _followed(segmenter, volume, start, truth[start.slicing()], rule, reach)
        yield _row(folder.name, case.name, value, volume, truth, found, start, seconds)


def _followed(
    segmenter: Segmenter, volume: Volume, start: Plane, truth: NDArray[np.bool_], rule: Rule, reach: Reach
) -> tuple[dict[int, NDArray[np.bool_]], list[float]]:
    """Return the masks by slice, that of the prompted one included, and the time of each further one."""
    first = segmenter.predict(segmenter.embed(volume, start), Prompt(start, box=first_box(truth))).masks[0]
    found: dict[int, NDArray[np.bool_]] = {start.index: first}
    seconds: list[float] = []
    if not first.any():
        return found, seconds
    walk = (
        propagate(volume, segmenter, start.axis, {start.index: first}, reach=reach)
        if rule == "motion"
        else follow_box(volume, segmenter, start.axis, start.index, first, reach)
    )
    began = time.perf_counter()
    for one in walk:
        if isinstance(one, Found):
            found[one.plane.index] = one.mask
            seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
    return found, seconds


def _row(
    name: str,
    case: str,
    value: str,
    volume: Volume,
    truth: NDArray[np.bool_],
    found: dict[int, NDArray[np.bool_]],
    start: Plane,
    seconds: list[float],
) -> VolumeRow:
    mask = np.zeros_like(truth)
    for index, one in found.items():
        mask[Plane(start.axis, index).slicing()] = one
    slices = [Plane(start.axis, index).slicing() for index in range(volume.shape[start.axis])]
    held = [place for place in slices if truth[place].any()]
    wrong = sum(dice(mask[place], truth[place]) < WRONG for place in held)
    return VolumeRow(
        set=name,
        case=case,
        object=value,
        axis=start.axis,
        start=start.index,
        slices=len(held),
        found=len(found),
        dice=dice(mask, truth),
        nsd=surface_scores(mask, truth, TOLERANCE, volume.geometry.spacing).nsd,
        start_dice=dice(mask[start.slicing()], truth[start.slicing()]),
        to_correct=wrong / len(held),
        seconds=float(np.median(seconds)) if seconds else 0.0,
    )


def _means(rows: Sequence[VolumeRow]) -> dict[str, float | None]:
    figures = ("dice", "nsd", "start_dice", "to_correct", "seconds")
    means = {one: float(np.mean([getattr(row, one) for row in rows])) if rows else None for one in figures}
    return {"n": float(len(rows)), **means}
