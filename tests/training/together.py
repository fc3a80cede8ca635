"""One of several processes of a run, as torchrun starts them: ``python -m tests.training.together DATA OUT``.

Trains a student small enough to follow on a made teacher's lessons, and writes what this process ends with.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_medkd.runs import RunSpec
from src_training.context import Context
from src_training.loop import Fit
from src_training.pictures import load_pictures
from src_training.recipes.base import RecipeConfig, Stage
from src_training.run import hardware
from src_training.tasks.features import FeatureStream, FeatureTask
from src_training.teacher import Lesson
from tests.training.test_batches import CARD

GLOBAL_BATCH, STEPS = 4, 5


class Student(nn.Module):
    """Two layers and no statistics of a batch, which would differ between the halves of one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 16, stride=16), nn.GELU(), nn.Conv2d(8, 3, 1))

    def encode(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.layers(image),)


def main(data: Path, out: Path) -> None:
    events: list[Any] = []
    fabric = hardware(RunSpec(recipe="none", device="cpu"))
    context = Context(RunSpec(recipe="none"), out, fabric, events.append)
    pictures = load_pictures([data])
    stage = Stage(
        "fit",
        FeatureTask(Student()),  # type: ignore[arg-type]
        FeatureStream(
            pictures,
            [lesson(number) for number in range(len(pictures))],
            CARD,
            context.draws(GLOBAL_BATCH // fabric.world_size, seed=1),
        ),
        STEPS,
        ("student",),
        validate=lambda task: {"score": float(fabric.global_rank)},
    )
    Fit(stage, 0, RecipeConfig(validate_every=STEPS, ema=0.5), context).run()
    said = {
        "world": fabric.world_size,
        "weights": [value.flatten().tolist() for value in stage.task.state_dict().values()],
        "figures": [event.values for event in events if event.kind == "metric"][1:],
    }
    (out / f"{os.environ.get('RANK', '0')}.json").write_text(json.dumps(said))


def lesson(number: int) -> Lesson:
    rng = np.random.default_rng(number)
    inside = np.ones((4, 4), np.float16)
    return Lesson(rng.normal(size=(3, 4, 4)).astype(np.float16), inside, np.zeros((80, 80), np.uint16))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
