"""Let a model find by itself what is on a slice, and write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.cli.answering import corners, draw
from napari_medkd.cli.info import describe_window
from napari_medkd.cli.prompting import AXES
from napari_medkd.cli.reports import FoundReport, SuggestReport
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.inference.automatic import at_threshold
from napari_medkd.io import write_labels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.cli.answering import Clock
    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Prediction, Segmenter


@dataclass(frozen=True, slots=True)
class Suggested:
    """What a model finds on a slice, one answer a target.

    Parameters
    ----------
    found : list of Prediction
        At the model's own thresholds, or at another.
    kinds : dict
        How likely the slice is of each kind of image, where the model tells them apart.
    """

    found: list[Prediction]
    kinds: dict[str, float]


def suggest(
    volume: Volume, segmenter: Segmenter, plane: Plane, modality: str, threshold: float | None
) -> Suggested:
    """Ask a model for what it finds by itself."""
    embedding = segmenter.embed(volume, plane)
    found = segmenter.propose(embedding, modality)
    if threshold is not None:
        found = [at_threshold(one, threshold) for one in found]
    return Suggested(found, segmenter.modality_of(embedding))


def write(
    volume: Volume,
    segmenter: Segmenter,
    suggested: Suggested,
    out: Path,
    overlay: Path | None,
    clock: Clock,
) -> SuggestReport:
    """Write a class for each target, even where none was found, and the overlay; say what was done."""
    found = suggested.found
    plane = found[0].prompt.plane
    names = [target.name for target in segmenter.card.targets]
    values = [names.index(one.names[0]) + 1 for one in found]
    labels = np.zeros(volume.shape, np.uint16)
    labels[plane.slicing()] = _painted(found, values)
    found_names = {value: names[value - 1] for value in values}
    write_labels(out, labels, volume, found_names, model=segmenter.card.id, automatic=True)
    if overlay is not None:
        draw(volume, Prompt(plane), labels[plane.slicing()] > 0, overlay)
    return SuggestReport(
        model=segmenter.card.id,
        runtime=segmenter.runtime_name,
        axis=AXES[plane.axis],
        slice=plane.index,
        window=describe_window(volume),
        modality=found[0].modality,
        modalities={name: round(share, 4) for name, share in suggested.kinds.items()},
        found=[
            describe(one.names[0], value, one.scores[0], labels[plane.slicing()] == value, plane, volume)
            for one, value in zip(found, values, strict=True)
        ],
        mask=str(out),
        overlay=str(overlay) if overlay else None,
        seconds=clock.seconds,
    )


def _painted(found: list[Prediction], values: list[int]) -> NDArray[np.uint16]:
    """Return the slice's classes; where masks overlap, that of the surer one."""
    classes = np.zeros(found[0].masks[0].shape, np.uint16)
    for one, value in sorted(zip(found, values, strict=True), key=lambda pair: pair[0].scores[0]):
        classes[one.masks[0]] = value
    return classes


def describe(
    name: str, value: int, score: float, mask: NDArray[np.bool_], plane: Plane, volume: Volume
) -> FoundReport:
    """Return what is said of one class of the mask of a slice."""
    pixels = int(mask.sum())
    rows, columns = volume.geometry.plane_spacing(plane)
    bounds = None
    if pixels:
        left, top, right, bottom = map(int, corners(Box.around(mask)))
        bounds = left, top, right, bottom
    return FoundReport(
        name=name,
        value=value,
        score=score,
        pixels=pixels,
        area_mm2=pixels * rows * columns if volume.geometry.from_file else None,
        bounds=bounds,
    )
