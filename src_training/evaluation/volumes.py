"""A model on label volumes: one box on the middle slice of an object, followed through the volume."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from napari_medkd import __version__
from napari_medkd.core.geometry import Plane
from napari_medkd.core.overlap import dice
from napari_medkd.core.surface import surface_scores
from napari_medkd.errors import InvalidPrompt, UnreadableFile
from src_training.evaluation.following import Followed, Following, Rule, follow
from src_training.evaluation.report import Number, Part
from src_training.objects import slice_axis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter
    from src_training.data import Case, ImageMaskFolder

Progress = Callable[[int, int], None]
_BY_BOX = Following()
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
    corrected: list[float] = Field(
        default=[],
        description="Dice of the volume after each slice that was corrected, the worst ones first.",
    )


class VolumeReport(Part):
    """What `medkd evaluate --volume` writes."""

    schema_version: Literal[1] = 1
    version: str = Field(description="Version of napari-medkd.")
    model: str = Field(description="Id of the model.")
    runtime: str = Field(description="What ran it.")
    rule: Rule = Field(description="How a slice prompts the next one.")
    ranged: bool = Field(description="Whether the first and last slice of the object were given, too.")
    corrections: int = Field(default=0, description="Slices of each object that were corrected at most.")
    means: dict[str, dict[str, Number]] = Field(
        description="Name of the folder → n, the means of dice, nsd, to_correct and seconds, and of dice "
        "after each correction as corrected_1, …"
    )
    rows: list[VolumeRow] = Field(description="Every object that was asked for.")


def evaluate_volumes(
    segmenter: Segmenter,
    folders: Sequence[ImageMaskFolder],
    how: Following = _BY_BOX,
    limit: int | None = None,
    progress: Progress = lambda done, total: None,
) -> VolumeReport:
    """Ask a model for every object of every volume by one box.

    Parameters
    ----------
    how : Following
        How they are followed, and what of it is corrected.
    limit : int, optional
        Only so many volumes of each folder, the first ones.
    """
    if "box" not in segmenter.card.capabilities:
        raise InvalidPrompt(f"{segmenter.card.title} takes no boxes.", "Choose a model that does.")
    if how.corrections and how.rule != "motion":
        raise InvalidPrompt(
            f"The rule {how.rule} knows of no corrections.", "Leave them out, or take the rule motion."
        )
    chosen = [(folder, case) for folder in folders for case in folder.cases[:limit]]
    rows: list[VolumeRow] = []
    for done, (folder, case) in enumerate(chosen, start=1):
        rows += _case_rows(segmenter, folder, case, how)
        progress(done, len(chosen))
    if not rows:
        raise UnreadableFile("No volume with an object was found.", "Give folders of label volumes.")
    means = {folder.name: _means([row for row in rows if row.set == folder.name]) for folder in folders}
    return VolumeReport(
        version=__version__,
        model=segmenter.card.id,
        runtime=segmenter.runtime_name,
        rule=how.rule,
        ranged=how.ranged,
        corrections=how.corrections,
        means=means,
        rows=rows,
    )


def _case_rows(
    segmenter: Segmenter, folder: ImageMaskFolder, case: Case, how: Following
) -> Iterator[VolumeRow]:
    volume, labels = case.load()
    across = slice_axis(volume.geometry) if how.axis is None else how.axis
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
        found = list(follow(segmenter, volume, start, truth, how))
        yield _row((folder.name, case.name, value), volume, truth, found, start)


def _row(
    names: tuple[str, str, str],
    volume: Volume,
    truth: NDArray[np.bool_],
    found: list[Followed],
    start: Plane,
) -> VolumeRow:
    first, *corrected = found
    slices = [Plane(start.axis, index).slicing() for index in range(volume.shape[start.axis])]
    held = [place for place in slices if truth[place].any()]
    wrong = sum(dice(first.mask[place], truth[place]) < WRONG for place in held)
    return VolumeRow(
        set=names[0],
        case=names[1],
        object=names[2],
        axis=start.axis,
        start=start.index,
        slices=len(held),
        found=first.count,
        dice=dice(first.mask, truth),
        nsd=surface_scores(first.mask, truth, TOLERANCE, volume.geometry.spacing).nsd,
        start_dice=dice(first.mask[start.slicing()], truth[start.slicing()]),
        to_correct=wrong / len(held),
        seconds=float(np.median(first.seconds)) if first.seconds else 0.0,
        corrected=[dice(one.mask, truth) for one in corrected],
    )


def _means(rows: Sequence[VolumeRow]) -> dict[str, float | None]:
    figures = ("dice", "nsd", "start_dice", "to_correct", "seconds")
    means = {one: float(np.mean([getattr(row, one) for row in rows])) if rows else None for one in figures}
    after = _after(rows)
    return {"n": float(len(rows)), **means, **after}


def _after(rows: Sequence[VolumeRow]) -> dict[str, float]:
    """Return the mean Dice after each correction; what was right before all were made stays as it was."""
    most = max((len(row.corrected) for row in rows), default=0)
    reached = [[row.dice, *row.corrected] for row in rows]
    return {
        f"corrected_{number}": float(np.mean([one[min(number, len(one) - 1)] for one in reached]))
        for number in range(1, most + 1)
    }
