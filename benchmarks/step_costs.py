"""What a step of KD-SAM's stage A costs beside a plain supervised step of the same student.

``python -m benchmarks.step_costs --data DATA/isic2018`` builds both from the recipe itself, on the same
pictures, and makes steps of each in turn: forward, backward, clipping, update and running mean. Batches are
drawn and the teacher is asked beforehand. The project has set itself a limit for the ratio: 1.3.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks import measuring
from napari_medkd.runs import RunSpec
from src_training import optimiser
from src_training.average import Average
from src_training.context import Context
from src_training.recipes.kd_sam import KdSam, KdSamConfig
from src_training.run import hardware

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIMIT = 1.3
_SUPERVISED = {"encoder_steps": 0, "unfreeze_encoder": True, "objects": 1}
_LOSSES = ("none", "sam-decoder", "vgg16-random")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print one line a loss, and write a report."""
    options = _parser().parse_args(arguments)
    report: dict[str, Any] = {
        "limit": LIMIT,
        "backbone": options.backbone,
        "batch": options.batch,
        "machine": measuring.machine(),
        "sizes": {},
    }
    for size in options.sizes:
        taken = _measured(options, size)
        base = float(np.median(taken["supervised"]))
        ratios = {loss: round(float(np.median(taken[loss])) / base, 2) for loss in options.losses}
        seconds = {name: measuring.summary(values) for name, values in taken.items()}
        report["sizes"][str(size)] = {"ratios": ratios, "seconds": seconds}
        for loss, ratio in ratios.items():
            sys.stdout.write(f"{size}, stage A, {loss}: {ratio:.2f} × a supervised step of {base:.2f} s\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _measured(options: argparse.Namespace, size: int) -> dict[str, list[float]]:
    """Return the seconds of the steps of each kind, which are made in turn."""
    shared: dict[str, Any] = {
        "teacher": options.teacher,
        "backbone": options.backbone,
        "size": size,
        "batch_size": options.batch,
        "lessons": options.batch,
    }
    arms = {"supervised": _SUPERVISED, **{loss: {"perceptual": loss} for loss in options.losses}}
    taken: dict[str, list[float]] = {name: [] for name in arms}
    with tempfile.TemporaryDirectory(prefix="medkd-steps-") as folder:
        spec = RunSpec(recipe="kd-sam", data=(str(options.data),), device=options.device)
        context = Context(spec, Path(folder), hardware(spec), lambda event: None)
        del context.pictures[options.batch :]
        steps = {name: _step({**shared, **settings}, context) for name, settings in arms.items()}
        for number in range(options.repeats + 1):
            for name, step in steps.items():
                seconds = _seconds(step)
                if number:  # the first step also makes the optimiser's memory
                    taken[name].append(seconds)
    return taken


def _step(settings: dict[str, Any], context: Context) -> Callable[[], None]:
    """Return what makes one step of a recipe's first stage, always on the same batch."""
    config = KdSamConfig.model_validate(settings)
    stage = KdSam().stages(config, context)[0]
    optimiser.freeze(stage)
    task, rule = context.fabric.setup(stage.task, optimiser.build(stage, config))
    average = Average(stage.task, config.ema)
    batch = next(iter(stage.batches(0))).to(context.fabric.device)
    stage.task.train()

    def step() -> None:
        rule.zero_grad()
        context.fabric.backward(task(batch)["loss"])
        context.fabric.clip_gradients(task, rule, max_norm=config.clip)
        rule.step()
        average.update(stage.task)

    return step


def _seconds(step: Callable[[], None]) -> float:
    """Time a step: by the processor's time, since others may use it too; by the clock on a GPU."""
    on_gpu = torch.cuda.is_available()
    now = time.perf_counter if on_gpu else time.process_time
    start = now()
    step()
    if on_gpu:
        torch.cuda.synchronize()
    return now() - start


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_costs", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a data set")
    parser.add_argument("--teacher", default="litemedsam")
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512], help="sides of the input")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--losses", nargs="+", choices=_LOSSES, default=list(_LOSSES[:2]))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="report to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
