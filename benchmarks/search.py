"""What searching and distilling are worth in EfficientMedSAM: every arm at one target, with several seeds.

``python -m benchmarks.search --data DATA --runs RUNS --json OUT`` trains every arm that OUT does not hold yet
and asks it about the test split with tight boxes; ``--sets``, ``--arms`` and ``--seeds`` choose some. It may
be stopped at any time: the same command goes on where it was, inside an arm too. ``--markdown`` prints the
report as a table.

Expected, and written down before anything was run: with both, better than with either, and this better than
without; searched, better than drawn by chance at the same latency. An order that is reversed is reported so.
All arms have as many steps on the same pictures: those without distillation retrain for longer. The searched
ones have their search besides, which is what a search costs.

The target is half-way, in ratio, between the cheapest and the dearest encoder of the space on this computer:
with a target beyond the dearest every arm would end at that one. It is kept in OUT, and ``--target-ms`` says
another.

All of it is scaled down for two processor cores, and so are its conclusions. A first run, with less of
all (300 steps of retraining, 150 of distillation, 120 of search, 60 pictures asked of the teacher), was
seen before this one: in it no arm reached the filled box, distilling was reversed, and searching was a
tie with chance, or better than it with distillation. What was expected stayed as it was.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks import measuring
from benchmarks.search_tables import table
from napari_medkd import settings
from napari_medkd.runs import EventWriter, RunSpec
from napari_medkd.runs.spec import FILE
from src_training.evaluation.precision import box_precision
from src_training.files import write_text
from src_training.pictures import load_pictures
from src_training.recipes.efficient_medsam import EfficientMedSamConfig
from src_training.run import train
from src_training.search.costs import LatencyTable
from src_training.search.derive import Fitting
from src_training.search.found import FOUND, Found, kept
from src_training.search.pricing import chance, space_of
from src_training.search.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

SETS, SEEDS = ("busi",), (0, 1, 2)
RETRAIN, DISTIL = 1800, 900
SHARED: dict[str, Any] = {
    "size": 128,
    "search_size": 64,
    "widths": "small",
    "nodes": [0, 1, 1, 1, 1],
    "operations": ["conv3", "ds3", "mb3_e4", "fmb_e4", "litemla", "skip", "none"],
    "downs": ["conv3", "ds3", "mb3_e4"],
    "neck_width": 64,
    "search_steps": 300,
    "threads": 1,
    "lessons": 150,
    "taught_objects": 2,
    "objects": 1,
    "batch_size": 8,
    "validate_every": 450,
}
_TAUGHT = {"retrain_steps": RETRAIN, "distil_steps": DISTIL}
_ALONE = {"retrain_steps": RETRAIN + DISTIL, "distil_steps": 0}
ARMS: dict[str, dict[str, Any]] = {
    "DNAS + KD": {"architecture": "search", **_TAUGHT},
    "DNAS": {"architecture": "search", **_ALONE},
    "KD": {"architecture": "fixed", **_TAUGHT},
    "neither": {"architecture": "fixed", **_ALONE},
    "random": {"architecture": "random", **_ALONE},
    "random + KD": {"architecture": "random", **_TAUGHT},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and write the report after each arm."""
    options = _parser().parse_args(arguments)
    report = _read(options.json)
    shared = report["shared"]
    shared.setdefault("target_ms", options.target_ms or _half_way())
    for name in options.sets:
        found = report["sets"].setdefault(name, {"arms": {}, "boxes": {}})
        for seed in options.seeds:
            for arm in options.arms:
                own = found["arms"].setdefault(arm, {})
                if str(seed) not in own:
                    place = options.runs / name
                    own[str(seed)], found["boxes"] = _arm(arm, seed, shared, options.data / name, place)
                    write_text(options.json, json.dumps(report, indent=1) + "\n")
                    _say(f"{name} {arm} {seed}: {own[str(seed)]}")
    if options.markdown:
        _say(table(report))
    return 0


def _half_way() -> float:
    """Return the milliseconds half-way between the cheapest and the dearest encoder that can be chosen."""
    config = EfficientMedSamConfig(**SHARED)
    space = space_of(config, config.widths)
    stopwatch = Stopwatch(torch.device("cpu"), config.threads)
    found = LatencyTable(settings.home() / "latency", stopwatch).costs(space, config.size, lambda *_: True)
    assert found is not None
    cheapest, dearest = Fitting(space, chance(space, np.random.default_rng(0)), *found).bounds()
    _say(f"encoders of the space take {cheapest:.2f} to {dearest:.2f} ms by the sum of their parts")
    return float(f"{np.sqrt(cheapest * dearest):.2g}")


def _arm(
    arm: str, seed: int, shared: dict[str, Any], data: Path, place: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """Train one arm, or go on with it; returns its figures on the test split, and the filled boxes'."""
    folder = place / f"{''.join(c if c.isalnum() else '-' for c in arm.lower())}-{seed}"
    if not (folder / FILE).exists():
        options = {**shared, **ARMS[arm]}
        spec = RunSpec(recipe="efficient-medsam", options=options, data=(str(data),), device="cpu", seed=seed)
        spec.save(folder)
    start = time.process_time()
    with EventWriter(folder) as writer:
        trained = train(folder, writer)
    if trained is None:
        sys.exit(f"{arm} was asked to stop; the same command goes on with it.")
    seconds = time.process_time() - start
    figures = box_precision(trained.model.cpu().eval(), trained.card, load_pictures([data], "test"))
    encoder = kept(folder, FOUND, Found)
    figures |= {
        "encoder_ms": trained.card.metrics["encoder_ms"],
        "derived_ms": encoder.measured if encoder else float("nan"),
        "cpu_seconds": seconds,
        "parameters": float(sum(p.numel() for p in trained.model.image_encoder.parameters())),
    }
    shutil.rmtree(folder)
    rounded = {key: round(value, 4) for key, value in figures.items()}
    boxes = {key: value for key, value in rounded.items() if key.startswith("filled_box")}
    return {key: value for key, value in rounded.items() if key not in boxes}, boxes


def _read(path: Path) -> dict[str, Any]:
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {"shared": {**SHARED}, "arms": ARMS, "machine": measuring.machine(), "sets": {}}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--runs", type=Path, required=True, help="folder for what is not finished yet")
    parser.add_argument("--json", type=Path, required=True, help="report to write, and to go on with")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="data sets with splits")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--target-ms", type=float, help="for the encoder; half-way by default")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--markdown", action="store_true", help="print the report as a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
