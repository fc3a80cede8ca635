"""What the parts of ESP-MedSAM are worth: none, SPPG, QDMD, both, both with bags, and the distillation.

``python -m benchmarks.automatic_arms --data DATA --runs RUNS --json OUT`` trains each arm on several kinds of
image at once, with every seed, scaled down (views of 192 px, some hundred steps), and asks it about the test
splits, and about all of a set that it never learnt from, without telling it the kind. It may be stopped at
any time; the same command goes on.

Expected, and written down before anything was run: a prompt of its own is at least as good as none, a query
for each kind as one for all, bags as one encoder for all, and all of them as any two. A first run of all
arms from chance, at 128 pixels in 300 steps, was seen before this one. What was expected stayed; that all
parts together are at least as good as none, and the distillation as no teacher, was added before this one
was run. The other direction, ``--sets isic2018 busi fives_sample --unseen drive``, came after that, with the
same expectations.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import recipe_tables
from benchmarks.accuracy_tables import table
from benchmarks.recipe_arms import Arm, Experiment, Ordering
from napari_medkd.inference.runtimes.torch import TorchRuntime
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.runs import EventWriter, RunSpec
from napari_medkd.runs.spec import FILE
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question, evaluate
from src_training.evaluation.statistics import estimate
from src_training.run import train

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = {"generator": False, "decoupled": False, "bags": False}
ARMS: dict[str, dict[str, Any]] = {
    "none": _PLAIN,
    "SPPG": {**_PLAIN, "generator": True},
    "QDMD": {**_PLAIN, "decoupled": True},
    "SPPG + QDMD": {"bags": False},
    "SPPG + QDMD + bags": {},
    "SPPG + QDMD + bags, distilled": {"teacher": "litemedsam"},
}
SETS = ("isic2018", "busi", "drive")
UNSEEN = ("fives_sample",)
SEEDS = (0, 1, 2)
SHARED: dict[str, Any] = {
    "teacher": "",
    "teacher_steps": 100,
    "lessons": 200,
    "common_steps": 150,
    "specific_steps": 150,
    "size": 256,
    "view": 192,
    "steps": 800,
    "entropy": "cross-entropy",
    "corrections": 0.0,
    "ema": 0.99,
    "validate_every": 400,
}


EXPERIMENT = Experiment(
    recipe="esp-medsam",
    shared=SHARED,
    arms=tuple(Arm(name, settings) for name, settings in ARMS.items()),
    orderings=(
        Ordering("SPPG", "none", "a prompt of its own is at least as good as none"),
        Ordering("QDMD", "none", "a query for each kind is at least as good as one for all"),
        Ordering("SPPG + QDMD + bags", "SPPG + QDMD", "bags are at least as good as one encoder for all"),
        Ordering("SPPG + QDMD + bags", "none", "so are all parts together"),
        Ordering("SPPG + QDMD + bags, distilled", "SPPG + QDMD + bags", "the teacher helps"),
    ),
    questions={"unprompted": Question("auto")},
    train=0,
    validation=0,
    sets=SETS,
)


def as_sets(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report of arms, seeds and sets in the form of `recipe_tables.results`."""
    sets: dict[str, Any] = {}
    for arm, seeds in report.items():
        for seed, found in seeds.items():
            for name, figures in found.items():
                one = sets.setdefault(name, {"objects": {}, "references": {}, "arms": {}})
                one["objects"]["unprompted"] = list(range(len(figures["dice"])))
                one["arms"].setdefault(arm, {})[seed] = {"unprompted": figures["dice"]}
    return {"sets": sets}


def page(report: dict[str, Any]) -> str:
    """Return the tables of a report: Dice, what was expected, and the distances of the outlines."""
    return "\n\n".join(
        [
            recipe_tables.results(EXPERIMENT, as_sets(report)),
            "Mean HD95 in pixels [95 % interval over cases], all seeds together. An empty answer counts as "
            "the whole diagonal where something is there:",
            distances(report),
        ]
    )


def distances(report: dict[str, Any]) -> str:
    """Return a table of how far the outlines lie apart, arm by arm and set by set."""
    names = list(next(iter(next(iter(report.values())).values())))
    rows = []
    for arm, seeds in report.items():
        cells = []
        for name in names:
            values = [one[name]["hd95"] for _, one in sorted(seeds.items())]
            cases = list(range(len(values[0]))) * len(values)
            mean = estimate(np.concatenate(values).tolist(), np.random.default_rng(0), cases=cases)
            cells.append(f"{mean.mean:.0f} [{mean.low:.0f}, {mean.high:.0f}]")
        rows.append([arm, *cells])
    return table(["arm", *names], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and ask what is missing; write the report after each arm."""
    options = _parser().parse_args(arguments)
    report: dict[str, Any] = {}
    if options.json.exists():
        report = json.loads(options.json.read_text(encoding="utf-8"))
    for seed in options.seeds:
        for arm in options.arms:
            if str(seed) in report.setdefault(arm, {}):
                continue
            report[arm][str(seed)] = found = _arm(arm, seed, options)
            options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            said = ", ".join(f"{name} {np.mean(one['dice']):.3f}" for name, one in found.items())
            sys.stdout.write(f"{arm}, seed {seed}: {said}\n")
            sys.stdout.flush()
    return 0


def _arm(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one arm, or go on with it, and ask it about each set."""
    folder: Path = options.runs / f"{list(ARMS).index(arm)}-{seed}"
    data = [options.data / name for name in options.sets]
    segmenter = learnt(folder, {**SHARED, **ARMS[arm]}, data, seed, options.device)
    found = {}
    asked = [ImageMaskFolder(options.data / name, "test") for name in options.sets]
    asked += [ImageMaskFolder(options.data / name) for name in options.unseen]
    for folder_asked in asked:
        rows = evaluate(segmenter, [folder_asked], Question("auto")).rows
        found[folder_asked.folder.name] = {
            figure: [round(getattr(row.model, figure), 4) for row in rows] for figure in ("dice", "hd95")
        }
    shutil.rmtree(folder)
    return found


def learnt(
    folder: Path, settings: dict[str, Any], data: Sequence[Path], seed: int, device: str
) -> SamSegmenter:
    """Train a model of the recipe in a folder, or go on with it there, and return it."""
    if not (folder / FILE).exists():
        paths = tuple(map(str, data))
        spec = RunSpec(recipe=EXPERIMENT.recipe, options=settings, data=paths, device=device, seed=seed)
        spec.save(folder)
    with EventWriter(folder) as writer:
        trained = train(folder, writer)
    if trained is None:
        sys.exit(f"The training in {folder} was asked to stop; the same command goes on with it.")
    return SamSegmenter(trained.card, TorchRuntime(trained.model.cpu()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.automatic_arms", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--runs", type=Path, required=True, help="folder for what is not finished yet")
    parser.add_argument("--json", type=Path, required=True, help="report to write, and to go on with")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="data sets of different kinds")
    parser.add_argument(
        "--unseen",
        nargs="*",
        default=list(UNSEEN),
        help="data sets that are asked about whole, and not learnt",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--device", default="cpu")
    return parser


if __name__ == "__main__":
    sys.exit(main())
