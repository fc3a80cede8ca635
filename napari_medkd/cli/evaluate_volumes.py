"""``medkd evaluate --volume``: one box on the middle slice of each object, followed through the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.cli.evaluate import write_report
from napari_medkd.cli.output import print_facts, print_table, progress_count
from napari_medkd.cli.prompting import AXES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_medkd.inference.segmenter import Segmenter
    from src_training.data import ImageMaskFolder
    from src_training.evaluation.volumes import Rule, VolumeReport


def evaluate_volumes(
    segmenter: Segmenter,
    folders: list[ImageMaskFolder],
    rule: Rule,
    ranged: bool,
    axis: str | None,
    limit: int | None,
    json: Path | None,
) -> None:
    """Measure, write and print."""
    from src_training.evaluation.volumes import evaluate_volumes as measure

    across = AXES.index(axis) if axis is not None else None
    try:
        with progress_count(f"{segmenter.card.title}, volumes") as update:
            report = measure(segmenter, folders, rule, ranged, across, limit, update)
    finally:
        segmenter.close()
    if json is not None:
        write_report(json, report)
    given = ", its first and last slice are given" if report.ranged else ""
    print_facts(
        {
            "Model": f"{report.model} on {report.runtime}",
            "Prompt": f"one box on the middle slice of each object{given}",
            "Rule": report.rule,
        }
    )
    columns = ("Set", "Case", "Object", "Slices", "Found", "Dice", "NSD 2 mm", "To correct", "s a slice")
    print_table(columns, _rows(report))


def _rows(report: VolumeReport) -> Iterator[tuple[str, ...]]:
    for row in report.rows:
        counts = str(row.slices), str(row.found)
        figures = f"{row.dice:.3f}", f"{row.nsd:.3f}", f"{row.to_correct:.0%}", f"{row.seconds:.3f}"
        yield (row.set, row.case, row.object, *counts, *figures)
    for name, mean in report.means.items():
        if mean["dice"] is None:
            continue
        figures = (
            f"{mean['dice']:.3f}",
            f"{mean['nsd']:.3f}",
            f"{mean['to_correct']:.0%}",
            f"{mean['seconds']:.3f}",
        )
        yield (name, "mean", f"{mean['n']:.0f}", "", "", *figures)
