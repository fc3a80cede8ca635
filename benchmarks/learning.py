"""How much better the student becomes with its user's corrections, and what it forgets.

``python -m benchmarks.learning --data DIR --work DIR --json OUT`` has simulated users correct images of a
training split, starts ``medkd learn`` as the panel does, and asks the old and the new model for the same
objects of the test split, click by click, with the same simulated hand. Every cell (target, images, seed,
method, order) is a run with a home of its own, written to OUT as soon as it is done: the command goes on
where it was stopped. Two commands with an OUT each may share a computer; `benchmarks.learning_tables` puts
what they found together.

The shipped student has seen the training splits of all these sets, among many others. Both models meet the
test splits for the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from benchmarks import simulated_users
from benchmarks.measuring import machine
from napari_medkd import learning, runs
from napari_medkd.inference import load_segmenter
from napari_medkd.runs import events
from napari_medkd.settings import Settings
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question, evaluate
from src_training.files import write_text
from src_training.interpolation import FILE as INTERPOLATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_medkd.core.objects import Kind
    from src_training.evaluation.report import Row

BASE = "medkd-fast"
# A folder of data, and what one object of it is where it is not what the folder says. The student learnt both
# parts of a hippocampus, and each lung, as objects of their own; these users want the whole by one click.
TARGETS = ("msd_hippocampus:whole", "shenzhen_cxr:whole")
# Kinds that must not be forgotten: those that are rehearsed, of which other images are asked for, and others.
REHEARSED = ("dsb2018", "ccaus_sample", "fives_sample")
OTHERS = (*REHEARSED, "isic2018", "cvc_clinicdb", "busi")
_CASES, _OTHER_CASES = 20, 10  # of a test split that are asked for
_CAP = 10  # clicks; what a miss counts as
_HOME, _THREADS = "MEDKD_HOME", "OMP_NUM_THREADS"
FIGURES = ("dice@1", "nsd", "dice", "noc85")
Answers = dict[str, list[Any]]  # a column a figure, a row an object


@dataclass(frozen=True, slots=True)
class Cell:
    """One simulated user and one run."""

    target: str
    images: int
    seed: int
    method: str = "quick"
    order: str = "random"

    @property
    def key(self) -> str:
        """Its name in the file."""
        return "/".join(map(str, asdict(self).values()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the cells that are not done yet."""
    options = _parser().parse_args(arguments)
    if options.threads:
        os.environ[_THREADS] = str(options.threads)
    report: dict[str, Any] = {"machine": machine(), "base": BASE, "cap": _CAP, "before": {}, "cells": {}}
    if options.json.exists():
        report |= json.loads(options.json.read_text(encoding="utf-8"))
    for cell in _cells(options):
        if cell.key not in report["cells"]:
            _measure_before(cell, options, report)
            report["cells"][cell.key] = _done(cell, options, report)
            _keep(report, options)
            sys.stdout.write(f"{cell.key}: {_sentence(report, cell)}\n")
            sys.stdout.flush()
    return 0


def _cells(options: argparse.Namespace) -> Iterator[Cell]:
    for count in options.images:
        for target in options.targets:
            for order in options.orders:
                for method in options.methods:
                    for seed in options.seeds:
                        yield Cell(target, count, seed, method, order)


def _done(cell: Cell, options: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """Correct, learn, and ask the new model."""
    home = _at_home(options, cell.key.replace("/", "-").replace(":", "-"))
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    Settings(threads=options.threads).save()
    objects = _corrected(cell, options)
    began, used = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    handle = learning.start(learning.Order(cell.method, BASE, seed=cell.seed))
    status = handle.wait()
    if status != "finished":
        raise SystemExit(f"{cell.key} has {status}: {handle.log_tail()}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    learning.use_new(handle.folder)
    model = learning.followed(handle).model
    done = {
        **asdict(cell),
        "threads": options.threads,
        "objects": objects,
        "parts": learning.collected().parts,
        "seconds": round(_ended(handle) - began, 1),
        "cpu_seconds": round(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, 1),
        "kept": _kept(handle),
        "shares": json.loads((handle.folder / INTERPOLATION).read_text(encoding="utf-8"))["shares"],
        "after": {
            name: _same(_answers(model, name, options), report["before"][name])
            for name in asked_of(cell.target)
        },
        "gate": json.loads((handle.folder / "comparison.json").read_text(encoding="utf-8")),
    }
    shutil.rmtree(home)
    return done


def asked_of(target: str) -> tuple[str, ...]:
    """Return what a model that learnt one target is asked for: that, and what it must not forget."""
    folder = target.partition(":")[0]
    return target, *(name for name in OTHERS if name != folder)


def _corrected(cell: Cell, options: argparse.Namespace) -> int:
    rng = np.random.default_rng(cell.seed)
    found = simulated_users.images(_folder(cell.target, "train", options), rng)
    if len(found) < cell.images:
        raise SystemExit(f"{cell.target} has {len(found)} images to correct, not {cell.images}.")
    segmenter = load_segmenter(BASE, device="cpu")
    try:
        if cell.order == "ranked":
            found = simulated_users.ranked(found, segmenter, rng)
        label = cell.target.partition(":")[0]
        return simulated_users.correct(found[: cell.images], segmenter, label, rng)
    finally:
        segmenter.close()


def _measure_before(cell: Cell, options: argparse.Namespace, report: dict[str, Any]) -> None:
    """Ask the old model, once for all cells."""
    _at_home(options, "before")
    for name in asked_of(cell.target):
        if name not in report["before"]:
            report["before"][name] = _answers(BASE, name, options)
            _keep(report, options)


def _answers(model: str, name: str, options: argparse.Namespace) -> Answers:
    """Ask a model for the objects of a test split; other kinds than the targets with one click."""
    is_target = name in options.targets
    segmenter = load_segmenter(model, device="cpu")
    question = Question("click", cap=_CAP if is_target else 1)
    try:
        folder = _folder(name, "test", options)
        report = evaluate(segmenter, [folder], question, limit=_CASES if is_target else _OTHER_CASES)
    finally:
        segmenter.close()
    rows = [_row(row) for row in report.rows]
    names = ("case", "object", *FIGURES)
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _row(row: Row) -> tuple[Any, ...]:
    assert row.clicks is not None
    last = round(row.clicks.dice[-1], 4) if row.clicks.dice else 0.0
    place = f"{row.axis}/{row.slice}/{row.object}"
    return row.case, place, round(row.model.dice, 4), round(row.model.nsd, 4), last, row.clicks.noc[85]


def _same(after: Answers, before: Answers) -> Answers:
    """Return the figures alone, once it is sure that both models were asked for the same objects."""
    if any(after[name] != before[name] for name in ("case", "object")):
        raise SystemExit("The objects of a set are not those of the old model's answers: use another OUT.")
    return {name: after[name] for name in FIGURES}


def _folder(target: str, split: str, options: argparse.Namespace) -> ImageMaskFolder:
    name, _, objects = target.partition(":")
    return ImageMaskFolder(options.data / name, split, objects=cast("Kind", objects) if objects else None)


def _at_home(options: argparse.Namespace, name: str) -> Path:
    home: Path = (options.work / name).absolute()
    os.environ[_HOME] = str(home)
    return home


def _keep(report: dict[str, Any], options: argparse.Namespace) -> None:
    write_text(options.json, json.dumps(report) + "\n")


def _ended(handle: runs.RunHandle) -> float:
    return next(one.t for one in runs.attach(handle.folder).poll()[::-1] if isinstance(one, events.Finished))


def _kept(handle: runs.RunHandle) -> float | None:
    """Return the share of the new weights that the run kept."""
    told = (one.values for one in runs.attach(handle.folder).poll() if isinstance(one, events.Metric))
    return next((values["kept"] for values in told if "kept" in values), None)


def _sentence(report: dict[str, Any], cell: Cell) -> str:
    done = report["cells"][cell.key]
    both = report["before"][cell.target], done["after"][cell.target]
    dice, new_dice = (float(np.mean(one["dice@1"])) for one in both)
    clicks, new_clicks = (float(np.mean(one["noc85"])) for one in both)
    return (
        f"one click {dice:.3f} to {new_dice:.3f}, NoC85 {clicks:.2f} to {new_clicks:.2f}, "
        f"kept {done['kept']}; {done['seconds']:.0f} s, {done['cpu_seconds']:.0f} s of the processors"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--work", type=Path, required=True, help="folder for stores, runs and models")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go, and are kept")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), metavar="FOLDER[:OBJECTS]")
    parser.add_argument("--images", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=["quick"], choices=["quick", "full", "thorough"])
    parser.add_argument("--orders", nargs="+", default=["random"], choices=["random", "ranked"])
    parser.add_argument("--threads", type=int, default=0, help="of each process; 0: as many as there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
