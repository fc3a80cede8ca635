"""Several processes: the same weights in each, and those that one process would have come to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medkd import runs
from napari_medkd.models.store import ModelStore
from tests.training.made import make_set
from tests.training.made_teacher import install
from tests.training.recipes.test_kd_sam import OPTIONS
from tests.training.together import main as train

ROOT = Path(__file__).parents[2]


def together(processes: int, *command: str) -> None:
    """Run ``python -m …`` in so many processes of torchrun."""
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *command], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def result(folder: Path, rank: int) -> dict[str, Any]:
    return dict(json.loads((folder / f"{rank}.json").read_text()))


def flat(said: dict[str, Any]) -> np.ndarray:
    return np.concatenate([np.asarray(values) for values in said["weights"]])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_come_to_what_one_does_with_all_of_their_batches(tmp_path):
    data = make_set(tmp_path / "discs")
    one, two = tmp_path / "one", tmp_path / "two"
    for out in (one, two):
        out.mkdir()
    train(data, one)  # in this process, which no torchrun has started
    together(2, "tests.training.together", str(data), str(two))
    alone, first, second = result(one, 0), result(two, 0), result(two, 1)
    assert (alone["world"], first["world"]) == (1, 2)
    assert np.array_equal(flat(first), flat(second))
    assert np.allclose(flat(first), flat(alone), atol=1e-6)
    *figures, look = first["figures"]
    assert [one["loss"] for one in figures] == pytest.approx([one["loss"] for one in alone["figures"][:-1]])
    assert figures == second["figures"][:-1]  # the mean over both
    assert look == second["figures"][-1] == {"score": 0.0}  # the first process has the say


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_is_the_same_under_torchrun(tmp_path):
    install(tmp_path, "sam_vit")
    data, out = make_set(tmp_path / "discs"), tmp_path / "run"
    settings = {**OPTIONS, "encoder_steps": 1, "decoder_steps": 1, "validate_every": 1}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    together(
        2,
        "napari_medkd",
        "train",
        "kd-sam",
        "--data",
        str(data),
        "--out",
        str(out),
        "--device",
        "cpu",
        *options,
    )
    run = runs.attach(out)
    assert run.status == "finished"
    kinds = [event.kind for event in run.poll()]
    assert kinds[0] == "started" and kinds.count("started") == 1
    assert kinds.count("stage") == 2 and kinds.count("model_exported") == 1
    assert ModelStore().add(out / "model").id == "small"
