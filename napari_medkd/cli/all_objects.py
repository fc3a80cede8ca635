"""Every object of a slice, from a model that answers clicks, written as a value each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.cli.answering import draw
from napari_medkd.cli.info import describe_window
from napari_medkd.cli.prompting import AXES
from napari_medkd.cli.reports import SuggestReport
from napari_medkd.cli.suggesting import describe
from napari_medkd.core.prompts import Prompt
from napari_medkd.inference import everything
from napari_medkd.inference.automatic import log_odds
from napari_medkd.io import write_labels

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.cli.answering import Clock
    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.cutout import Cutout
    from napari_medkd.inference.segmenter import Segmenter


def find(volume: Volume, segmenter: Segmenter, plane: Plane) -> list[Cutout]:
    """Return what a model finds on a slice when it is asked at many points, the surest first."""
    steps = everything.search(volume, segmenter.embed(volume, plane), segmenter)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: list[Cutout] = end.value
            return found


def write(
    volume: Volume,
    segmenter: Segmenter,
    found: list[Cutout],
    plane: Plane,
    threshold: float,
    out: Path,
    overlay: Path | None,
    clock: Clock,
) -> SuggestReport:
    """Write a value for each object, the surer one where two overlap, and the overlay; say what was done."""
    labels = np.zeros(volume.shape, np.uint16)
    seen, reports = labels[plane.slicing()], []
    for value, one in enumerate(found, start=1):
        piece = one.at(log_odds(threshold))
        if piece is not None:
            seen[piece.window][piece.pixels & (seen[piece.window] == 0)] = value
        reports.append(describe(f"object {value}", value, one.score, seen == value, plane, volume))
    names = {one.value: one.name for one in reports}
    write_labels(out, labels, volume, names, model=segmenter.card.id, automatic=True)
    if overlay is not None:
        draw(volume, Prompt(plane), seen > 0, overlay)
    return SuggestReport(
        model=segmenter.card.id,
        runtime=segmenter.runtime_name,
        axis=AXES[plane.axis],
        slice=plane.index,
        window=describe_window(volume),
        modality="",
        modalities={},
        found=reports,
        mask=str(out),
        overlay=str(overlay) if overlay else None,
        seconds=clock.seconds,
    )
