"""What the parts of KD-SAM and TS-KD are worth: every arm on real sets, with several seeds, in one report.

``python -m benchmarks.recipes --data DATA --runs RUNS --json OUT`` trains every arm that OUT does not hold
yet and asks it about the test split; ``--experiments``, ``--sets``, ``--arms`` and ``--seeds`` choose some.
It may be stopped at any time: the same command goes on where it was, inside an arm too. Several processes
may work on different sets at once. ``python -m benchmarks.tables`` puts the figures into ``docs/recipes``.

What was expected is in `benchmarks.recipe_arms`, written before anything was run: of KD-SAM, that MSE and the
perceptual loss are at least as good as MSE alone, and this as training from scratch in as many steps; that
stage B is needed; that φ must know something (a random one is the control). Of TS-KD, at 10, 20, 40 and 80
labels, that it is better than task-agnostic distillation, and this better than MAE and than from scratch;
that larger transfer sets, synthetic images and higher ranks of LoRA do no harm.

All of it is scaled down for two processor cores: small networks, small pictures, tens of steps.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.recipe_arms import EXPERIMENTS
from benchmarks.recipe_report import Figures, Report
from napari_medkd.core.overlap import dice
from napari_medkd.core.prompts import Box
from napari_medkd.inference import load_segmenter
from napari_medkd.inference.runtimes.torch import TorchRuntime
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.runs import EventReader, EventWriter, RunSpec
from napari_medkd.runs.spec import FILE
from napari_medkd.settings import Settings
from src_training.data import ImageMaskFolder
from src_training.evaluation import evaluate
from src_training.evaluation.baselines import filled_box, inscribed_ellipse
from src_training.run import train

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.recipe_arms import Arm, Experiment
    from napari_medkd.inference.segmenter import Segmenter

SEEDS = (0, 1, 2)
_SAID = ("held_out_dice", "held_out_iou", "confidence_real", "confidence_synthetic", "copies")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and write the report after each arm."""
    options = _parser().parse_args(arguments)
    for experiment, name, arm, seed in _wanted(options):
        report = Report(options.json, experiment)
        place = options.runs / experiment.recipe / name
        data = _pictures(experiment, options.data / name, place / "data")
        if not report.of(name)["references"]:
            report.refer(name, *_references(experiment, data))
        if str(seed) not in report.of(name)["arms"].get(arm.name, {}):
            folder = place / f"{_slug(arm)}-{seed}"
            found = _arm(experiment, arm, seed, data, folder)
            report.add(name, arm.name, seed, found)
            shutil.rmtree(folder)
            means = ", ".join(f"{asked} {np.mean(found[asked]):.3f}" for asked in experiment.questions)
            sys.stdout.write(f"{experiment.recipe} {name} {arm.name} {seed}: {means}\n")
            sys.stdout.flush()
    return 0


def _wanted(options: argparse.Namespace) -> Iterator[tuple[Experiment, str, Arm, int]]:
    for recipe in options.experiments:
        experiment = EXPERIMENTS[recipe]
        for arm in experiment.arms:
            if not options.arms or arm.name in options.arms:
                for name in options.sets or experiment.sets:
                    yield from ((experiment, name, arm, seed) for seed in options.seeds)


# --- one arm ----------------------------------------------------------------------------------------------
def _arm(experiment: Experiment, arm: Arm, seed: int, data: Path, folder: Path) -> Figures:
    """Train one arm, or go on with it, and ask it about every case of the test split."""
    gone_on = (folder / FILE).exists()
    if not gone_on:
        settings = {**experiment.shared, **arm.settings}
        spec = RunSpec(recipe=experiment.recipe, options=settings, data=(str(data),), device="cpu", seed=seed)
        spec.save(folder)
    start = time.process_time()
    with EventWriter(folder) as writer:
        trained = train(folder, writer)
    if trained is None:
        sys.exit(f"{arm.name} was asked to stop; the same command goes on with it.")
    seconds = None if gone_on else round(time.process_time() - start, 1)
    segmenter = SamSegmenter(trained.card, TorchRuntime(trained.model))
    return {"cpu_seconds": seconds, "said": _said(folder), **_asked(experiment, segmenter, data)}


def _asked(experiment: Experiment, segmenter: Segmenter, data: Path) -> Figures:
    """Return Dice of every object of the test split, question by question."""
    found = {}
    for name, question in experiment.questions.items():
        rows = evaluate(segmenter, [ImageMaskFolder(data, "test")], question).rows
        found[name] = [round(row.model.dice, 4) for row in rows]
    return found


def _said(folder: Path) -> dict[str, float]:
    """Return what the run itself found out on the way: its last looks at the validation cases, and such."""
    found = {}
    for event in EventReader(folder).read():
        if event.kind == "metric":
            found.update({f"{event.stage}: {k}": round(v, 4) for k, v in event.values.items() if k in _SAID})
    return found


# --- what arms are compared with --------------------------------------------------------------------------
def _references(experiment: Experiment, data: Path) -> tuple[Figures, Figures]:
    """Return the case of each object that is asked about, and Dice of what nothing was learnt for."""
    folder = ImageMaskFolder(data, "test")
    if "automatic" in experiment.questions:
        return {"automatic": [case.name for case in folder]}, _without_prompt(folder)
    objects: Figures = {}
    name_of_teacher = experiment.shared["teacher"]
    teacher = load_segmenter(name_of_teacher, settings=Settings(threads=1), device="cpu")
    found: Figures = {"filled box": {}, "ellipse in the box": {}, name_of_teacher: {}}
    for name, question in experiment.questions.items():
        report = evaluate(teacher, [folder], question)
        rows = report.rows
        if report.unanswered:  # the same objects; a click has no box to fill either
            objects[name] = objects["box"]
            continue
        objects[name] = [row.case for row in rows]
        found["filled box"][name] = [round(row.filled_box.dice, 4) for row in rows]
        found["ellipse in the box"][name] = [round(row.ellipse.dice, 4) for row in rows]
        found[name_of_teacher][name] = [round(row.model.dice, 4) for row in rows]
    teacher.close()
    return objects, found


def _without_prompt(folder: ImageMaskFolder) -> Figures:
    found: dict[str, list[float]] = {"nothing": [], "whole image": [], "ellipse in the image": []}
    for case in folder:
        truth = case.load()[1][0] > 0
        rows, columns = truth.shape
        frame = Box(0, 0, rows - 1, columns - 1)
        shape = (rows, columns)
        guesses = (np.zeros(shape, np.bool_), filled_box(frame, shape), inscribed_ellipse(frame, shape))
        for scores, guess in zip(found.values(), guesses, strict=True):
            scores.append(round(dice(guess, truth), 4))
    return {name: {"automatic": scores} for name, scores in found.items()}


def _pictures(experiment: Experiment, source: Path, folder: Path) -> Path:
    """Copy so much of a set as the experiment takes; always the same pictures."""
    place = folder / source.name
    if (place / "dataset.json").exists():
        return place
    about = json.loads((source / "dataset.json").read_text(encoding="utf-8"))
    splits, rng = about["splits"], np.random.default_rng(0)
    for split, count in (("train", experiment.train), ("val", experiment.validation)):
        names = splits[split]
        chosen = rng.permutation(len(names))[:count]
        splits[split] = [names[index] for index in sorted(chosen)]
    wanted = {name for split in ("train", "val", "test") for name in splits[split]}
    for part in ("images", "masks"):
        (place / part).mkdir(parents=True, exist_ok=True)
        for path in (source / part).iterdir():
            if path.stem in wanted:
                shutil.copyfile(path, place / part / path.name)
    about["splits"] = {split: splits[split] for split in ("train", "val", "test")}
    (place / "dataset.json").write_text(
        json.dumps(about), encoding="utf-8"
    )  # last: it says that all is there
    return place


def _slug(arm: Arm) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in arm.name.lower())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--runs", type=Path, required=True, help="folder for what is not finished yet")
    parser.add_argument("--json", type=Path, required=True, help="report to write, and to go on with")
    parser.add_argument("--experiments", nargs="+", choices=list(EXPERIMENTS), default=list(EXPERIMENTS))
    parser.add_argument("--sets", nargs="+", help="data sets with splits, in place of the experiment's")
    parser.add_argument("--arms", nargs="+", help="only these, by their names")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
