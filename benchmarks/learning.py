"""How much better the student becomes with its user's corrections, and what it forgets.

``python -m benchmarks.learning --data DIR --work DIR --json OUT`` has simulated users correct images of a
training split, starts ``medkd learn`` as the panel does, and asks the old and the new model for the objects
of the test split, click by click. Every cell of the table (target, images, seed, method, order) is a run of
its own, written to OUT as soon as it is done: the command goes on where it was stopped.
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
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import simulated_users
from benchmarks.measuring import machine
from napari_medkd import learning, runs
from napari_medkd.inference import load_segmenter
from napari_medkd.runs import events
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question, estimate, evaluate
from src_training.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from src_training.evaluation import EvaluationReport
    from src_training.evaluation.report import Row

BASE = "medkd-fast"
# Targets that the shipped student is weak at, by the table of `benchmarks.accuracy`.
TARGETS = ("drive", "msd_hippocampus")
OTHERS = ("isic2018", "cvc_clinicdb", "shenzhen_cxr", "busi", "dsb2018")  # that must not be forgotten
_CASES, _OTHER_CASES = 20, 10  # of a test split that are asked for
_CAP = 20
_HOME = "MEDKD_HOME"
Figures = dict[str, float]


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
    report: dict[str, Any] = {"machine": machine(), "base": BASE, "before": {}, "cells": {}}
    if options.json.exists():
        report |= json.loads(options.json.read_text(encoding="utf-8"))
    for cell in _cells(options):
        if cell.key in report["cells"]:
            continue
        before = _before(cell.target, options, report)
        report["cells"][cell.key] = _done(cell, before, options)
        write_text(options.json, json.dumps(report, indent=1) + "\n")
        sys.stdout.write(f"{cell.key}: {_sentence(report['cells'][cell.key])}\n")
        sys.stdout.flush()
    return 0


def _cells(options: argparse.Namespace) -> Iterator[Cell]:
    for count in options.images:
        for target in options.targets:
            for order in options.orders:
                for method in options.methods:
                    for seed in options.seeds:
                        yield Cell(target, count, seed, method, order)


def _done(cell: Cell, before: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> dict[str, Any]:
    """Correct, learn, and measure both models on the same objects."""
    home = (options.work / cell.key.replace("/", "-")).absolute()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    os.environ[_HOME] = str(home)
    objects = _corrected(cell, options)
    began, used = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    handle = learning.start(learning.Order(cell.method, BASE, seed=cell.seed))
    status = handle.wait()
    if status != "finished":
        raise SystemExit(f"{cell.key} has {status}: {handle.log_tail()}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    learning.use_new(handle.folder)
    model = learning.followed(handle).model
    after = _rows(model, cell.target, options.data, _CASES)
    others = {name: _rows(model, name, options.data, _OTHER_CASES, cap=1) for name in _others(options, cell)}
    return {
        **asdict(cell),
        "objects": objects,
        "seconds": round(_ended(handle) - began, 1),
        "cpu_seconds": round(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, 1),
        "kept": _kept(handle),
        "target": {"name": cell.target, **_changes(before[cell.target], after)},
        "others": {name: _changes(before[name], rows) for name, rows in others.items()},
        "gate": json.loads((handle.folder / "comparison.json").read_text(encoding="utf-8")),
    }


def _corrected(cell: Cell, options: argparse.Namespace) -> int:
    rng = np.random.default_rng(cell.seed)
    found = simulated_users.images(ImageMaskFolder(options.data / cell.target, "train"), rng)
    segmenter = load_segmenter(BASE, device="cpu")
    try:
        if cell.order == "ranked":
            found = simulated_users.ranked(found, segmenter, rng)
        return simulated_users.correct(found[: cell.images], segmenter, cell.target, rng)
    finally:
        segmenter.close()


def _before(target: str, options: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """Return what the old model answers, measured once."""
    os.environ[_HOME] = str((options.work / "before").absolute())
    found: dict[str, Any] = report["before"]
    for name in (target, *(name for name in OTHERS if options.others and name != target)):
        if name not in found:
            own = name in options.targets
            found[name] = _rows(
                BASE, name, options.data, _CASES if own else _OTHER_CASES, cap=_CAP if own else 1
            )
            write_text(options.json, json.dumps(report, indent=1) + "\n")
    return found


def _others(options: argparse.Namespace, cell: Cell) -> list[str]:
    return [name for name in OTHERS if options.others and name != cell.target]


def _rows(model: str, name: str, data: Path, limit: int, cap: int = _CAP) -> list[dict[str, Any]]:
    """Ask a model for the objects of a test split; a row each."""
    segmenter = load_segmenter(model, device="cpu")
    try:
        folder = ImageMaskFolder(data / name, "test")
        report: EvaluationReport = evaluate(segmenter, [folder], Question("click", cap=cap), limit=limit)
    finally:
        segmenter.close()
    return [_row(row) for row in report.rows]


def _row(row: Row) -> dict[str, Any]:
    assert row.clicks is not None
    return {
        "case": row.case,
        "dice@1": row.model.dice,
        "nsd": row.model.nsd,
        "dice": row.clicks.dice[-1] if row.clicks.dice else 0.0,
        "noc85": row.clicks.noc[85],
    }


def _changes(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of each figure before and after, and its change with an interval over cases."""
    cases = [row["case"] for row in before]
    found: dict[str, Any] = {"objects": len(before), "cases": len(set(cases))}
    for name in ("dice@1", "nsd", "dice", "noc85"):
        old, new = ([float(row[name]) for row in rows] for rows in (before, after))
        change = [b - a for a, b in zip(old, new, strict=True)]
        interval = estimate(change, np.random.default_rng(0), cases=cases)
        found[name] = {
            "before": round(float(np.mean(old)), 4),
            "after": round(float(np.mean(new)), 4),
            "change": round(interval.mean, 4),
            "low": round(interval.low, 4),
            "high": round(interval.high, 4),
        }
    return found


def _ended(handle: runs.RunHandle) -> float:
    return next(one.t for one in runs.attach(handle.folder).poll()[::-1] if isinstance(one, events.Finished))


def _kept(handle: runs.RunHandle) -> float | None:
    """Return the share of the new weights that the run kept."""
    told = (one.values for one in runs.attach(handle.folder).poll() if isinstance(one, events.Metric))
    return next((values["kept"] for values in told if "kept" in values), None)


def _sentence(done: dict[str, Any]) -> str:
    first, clicks = done["target"]["dice@1"], done["target"]["noc85"]
    said = f"one click {first['before']:.3f} to {first['after']:.3f}"
    said += f" ({first['low']:+.3f} to {first['high']:+.3f})"
    said += f", NoC85 {clicks['before']:.2f} to {clicks['after']:.2f}"
    changes = [one["dice@1"]["change"] for one in done["others"].values()]
    said += f", others {float(np.mean(changes)):+.4f}" if changes else ""
    return f"{said}; {done['seconds']:.0f} s, {done['cpu_seconds']:.0f} s of the processors"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--work", type=Path, required=True, help="folder for stores, runs and models")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go, and are kept")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--images", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=["quick"], choices=["quick", "full"])
    parser.add_argument("--orders", nargs="+", default=["random"], choices=["random", "ranked"])
    parser.add_argument("--others", action="store_true", help="also ask for what must not be forgotten")
    return parser


if __name__ == "__main__":
    sys.exit(main())
