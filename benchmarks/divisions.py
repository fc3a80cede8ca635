"""What is learnt from few sequences: each part of a set is asked about by who learnt from the other parts.

``python -m benchmarks.divisions --data DATA --runs RUNS --json OUT`` takes the training and validation splits
of one set, polyps by default, and divides its sequences (or patients: what stands before the first ``_`` of a
case's name) into parts. For each way of training and each part a student learns from the other parts and is
asked about this one, so that every case is asked about once by somebody who never saw its sequence. The test
split is not touched. It may be stopped at any time; the same command goes on.

Expected, and written down before anything was run: a student that first copies what the teacher sees finds at
least as much as one that starts from ImageNet alone; one that copies it finer at least as much as one that
copies its average; and a larger backbone at least as much as a smaller one. (A trial of the first two with
another network had been seen. The larger backbone was to copy the teacher, too; when the copying had turned
out to gain nothing, and before it was run, that was changed to ImageNet alone.)
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy_tables import table
from benchmarks.automatic_arms import learnt
from benchmarks.split_sets import sequence_of, with_splits
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question, evaluate
from src_training.evaluation.statistics import estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from src_training.evaluation.statistics import Estimate

_SPLITS = ("train", "val")
WAYS: dict[str, dict[str, Any]] = {
    "from ImageNet": {"teacher": ""},
    "the teacher copied first": {},
    "copied finer": {"finer": True},
    "from ImageNet, Lite2": {"teacher": "", "backbone": "tf_efficientnet_lite2"},
}
SHARED: dict[str, Any] = {
    "bags": False,
    "size": 256,
    "view": 256,
    "whole": 0.4,
    "lessons": 400,
    "common_steps": 350,
    "steps": 400,
    "entropy": "cross-entropy",
    "corrections": 0.0,
    "ema": 0.99,
}


def divided(folder: Path, parts: int, out: Path) -> list[Path]:
    """Write a set once for each part: that part as its test split, the others as its training split.

    Sequences are dealt in turn, in the order of their names; pictures and masks are linked or copied.
    """
    cases = sorted({case.name for split in _SPLITS for case in ImageMaskFolder(folder, split)})
    sequences = sorted({sequence_of(name) for name in cases})
    folders = []
    for part in range(parts):
        held = set(sequences[part::parts])
        splits = {
            "train": [name for name in cases if sequence_of(name) not in held],
            "test": [name for name in cases if sequence_of(name) in held],
        }
        folders.append(with_splits(folder, splits, out / f"{folder.name}-{part}"))
    return folders


def page(report: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return the table of a report: way → part → names and Dice of its cases."""
    joined = {way: _joined(parts) for way, parts in report.items()}
    first = next(iter(joined))
    rows = []
    for way, found in joined.items():
        parts = " / ".join(f"{np.mean(part['dice']):.3f}" for _, part in sorted(report[way].items()))
        whole = _over_sequences(found)
        cells = [way, f"{whole.mean:.3f} [{whole.low:.3f}, {whole.high:.3f}]", parts, ""]
        if way != first:
            gain = _over_sequences({name: 100 * (found[name] - joined[first][name]) for name in found})
            cells[3] = f"{gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]"
        rows.append(cells)
    whole = _over_sequences(joined[first])
    return "\n\n".join(
        [
            table(["learnt", "Dice", "part by part", f"points more than {first}"], rows),
            f"Mean Dice of {whole.n} cases [95 % interval over their {whole.cases} sequences], one seed.",
        ]
    )


def _joined(parts: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {
        name: dice for part in parts.values() for name, dice in zip(part["cases"], part["dice"], strict=True)
    }


def _over_sequences(found: dict[str, float]) -> Estimate:
    sequences = [sequence_of(name) for name in found]
    return estimate(list(found.values()), np.random.default_rng(0), cases=sequences)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and ask what is missing; write the report after each training."""
    options = _parser().parse_args(arguments)
    report: dict[str, Any] = {}
    if options.json.exists():
        report = json.loads(options.json.read_text(encoding="utf-8"))
    folders = divided(options.data / options.set, options.parts, options.runs / "sets")
    for way in options.ways:
        for part, data in enumerate(folders):
            if str(part) in report.setdefault(way, {}):
                continue
            report[way][str(part)] = found = _asked(way, part, data, options)
            options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            sys.stdout.write(f"{way}, part {part}: {np.mean(found['dice']):.3f}\n")
            sys.stdout.flush()
    return 0


def _asked(way: str, part: int, data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Learn from the other parts and return what was found in this one."""
    folder: Path = options.runs / f"{list(WAYS).index(way)}-{part}"
    segmenter = learnt(folder, {**SHARED, **WAYS[way]}, [data], options.seed, options.device)
    rows = evaluate(segmenter, [ImageMaskFolder(data, "test")], Question("auto")).rows
    shutil.rmtree(folder)
    return {"cases": [row.case for row in rows], "dice": [round(row.model.dice, 4) for row in rows]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.divisions", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--runs", type=Path, required=True, help="folder for what is not finished yet")
    parser.add_argument("--json", type=Path, required=True, help="report to write, and to go on with")
    parser.add_argument("--set", default="cvc_clinicdb", help="the set that is divided")
    parser.add_argument("--parts", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    return parser


if __name__ == "__main__":
    sys.exit(main())
