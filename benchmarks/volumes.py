"""Objects through volumes by one box: how good, how fast; and how much memory a large volume takes.

``python -m benchmarks.volumes --data DIR --json OUT`` asks each model for the object of each label volume, as
``medkd evaluate --volume`` does: ours by its own rule, LiteMedSAM by its authors' (the last mask's box and 3
pixels). With ``--keep`` the figures of other runs stay in OUT, so that it can be filled by several calls.
``--large`` opens 512×512×300 made voxels instead; see `benchmarks.large_volume`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medkd.inference import load_segmenter
from src_training.data import ImageMaskFolder
from src_training.evaluation.following import Following
from src_training.evaluation.volumes import evaluate_volumes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.inference.segmenter import Segmenter
    from src_training.evaluation.following import Rule

# Sets of which the whole mask is one object; of the others each value is one.
SETS = {"msd_hippocampus": True, "chaos_ct": False, "sct_spinalcord": False, "itksnap_caudate": False}
OWN_RULES: dict[str, Rule] = {"litemedsam": "previous-box"}
Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and write its report."""
    options = _parser().parse_args(arguments)
    report: Figures = {}
    if options.keep and options.json.exists():
        report = json.loads(options.json.read_text(encoding="utf-8"))
    report.setdefault("sets", {})
    for model in options.models:
        if options.large:
            report.setdefault("large", {})[model] = large(model, options.runtime)
            _write(report, options.json)
            continue
        segmenter = load_segmenter(model, runtime=options.runtime)
        try:
            _measure(segmenter, model, options, report)
        finally:
            segmenter.close()
    return 0


def _measure(segmenter: Segmenter, model: str, options: argparse.Namespace, report: Figures) -> None:
    rule = options.rule or OWN_RULES.get(model, "motion")
    for name in options.sets or SETS:
        whole = "whole" if SETS.get(name) else None
        folder = ImageMaskFolder(options.data / name, options.split, objects=whole)  # type: ignore[arg-type]
        corrections = options.corrections if rule == "motion" else 0
        how = Following(rule, options.ranged, options.axis, corrections)
        found = evaluate_volumes(segmenter, [folder], how, options.limit)
        key = " ".join([model, rule, "ranged" if options.ranged else "free", f"axis {options.axis}"])
        rows = [json.loads(row.model_dump_json()) for row in found.rows]
        means = found.means[name]
        report["sets"].setdefault(name, {})[key] = {"means": means, "rows": rows, "runtime": found.runtime}
        _write(report, options.json)  # each set takes minutes: what was measured is not lost
        sys.stdout.write(f"{name}, {key}: {_sentence(means)}\n")
        sys.stdout.flush()


def _write(report: Figures, path: Path) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _sentence(means: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in means.items() if value is not None)


def large(model: str, runtime: str | None) -> Figures:
    """Measure a model on a large volume in a process of its own, whose memory is nobody else's."""
    chosen = ["--runtime", runtime] if runtime else []
    command = [sys.executable, "-m", "benchmarks.large_volume", model, *chosen]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.volumes", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--models", nargs="+", default=["medkd-fast", "litemedsam"])
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS))
    parser.add_argument("--split", default="test")
    parser.add_argument("--rule", choices=["motion", "previous-box"], help="in place of each model's own")
    parser.add_argument("--ranged", action="store_true", help="give the first and last slice, too")
    parser.add_argument("--axis", type=int, choices=[0, 1, 2], help="in place of the acquired one")
    parser.add_argument(
        "--corrections", type=int, default=2, help="slices that are corrected, by our own rule"
    )
    parser.add_argument("--limit", type=int, help="only the first volumes of each set")
    parser.add_argument("--large", action="store_true", help="512×512×300 made voxels instead")
    parser.add_argument("--runtime", choices=["auto", "onnx", "torch"])
    parser.add_argument("--keep", action="store_true", help="keep what OUT holds of other runs")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
