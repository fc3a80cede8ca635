"""``medkd evaluate --volume``: one box on the middle slice of each object, followed through the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.cli.evaluate import write_report
from napari_medkd.cli.output import print_facts, print_table, progress_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_medkd.inference.segmenter import Segmenter
    from src_training.data import ImageMaskFolder
    from src_training.evaluation.following import Following
    from src_training.evaluation.volumes import VolumeReport


def evaluate_volumes(
    segmenter: Segmenter,
    folders: list[ImageMaskFolder],
    how: Following,
    limit: int | None,
    json: Path | None,
) -> None:
    """Measure, write and print."""
    from src_training.evaluation.volumes import evaluate_volumes as measure

    try:
        with progress_count(f"{segmenter.card.title}, volumes") as update:
            report = measure(segmenter, folders, how, limit, update)
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
    corrected = tuple(f"{number} corrected" for number in range(1, report.corrections + 1))
    print_table((*columns, *corrected), _rows(report))


def _rows(report: VolumeReport) -> Iterator[tuple[str, ...]]:
    numbers = range(1, report.corrections + 1)
    for row in report.rows:
        figures = f"{row.dice:.3f}", f"{row.nsd:.3f}", f"{row.to_correct:.0%}", f"{row.seconds:.3f}"
        after = [f"{row.corrected[one - 1]:.3f}" if one <= len(row.corrected) else "–" for one in numbers]
        yield (row.set, row.case, row.object, str(row.slices), str(row.found), *figures, *after)
    for name, mean in report.means.items():
        if mean["dice"] is None:
            continue
        figures = (
            f"{mean['dice']:.3f}",
            f"{mean['nsd']:.3f}",
            f"{mean['to_correct']:.0%}",
            f"{mean['seconds']:.3f}",
        )
        reached = [mean.get(f"corrected_{one}") for one in numbers]
        after = [f"{one:.3f}" if one is not None else "–" for one in reached]
        yield (name, "mean", f"{mean['n']:.0f}", "", "", *figures, *after)
