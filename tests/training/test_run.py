"""Runs as children, for real: trained, exported, killed half-way and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.io import read_volume
from napari_medkd.runs import EventReader, RunSpec
from src_training import checkpoint
from src_training.__main__ import main
from tests.training.made import make_set

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {
    "backbone": "test_efficientnet",
    "size": 128,
    "teacher": "",
    "mask_steps": 6,
    "batch_size": 2,
    "rounds": 2,
    "checkpoint_every": 2,
    "validate_every": 3,
}


def make_run(folder: Path, data: Path, **options: object) -> Path:
    spec = RunSpec(
        recipe="interactive", options={**OPTIONS, **options}, data=(str(data),), device="cpu", seed=3
    )
    spec.save(folder)
    return folder


def child(folder: Path) -> subprocess.Popen[bytes]:
    # One thread: sums are then always taken in the same order.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "src_training", str(folder)], env=environment, stderr=log
        )


def events(folder: Path) -> list[str]:
    return [event.kind for event in EventReader(folder).read()]


def log(folder: Path) -> str:
    return (folder / "log.txt").read_text()[-2000:]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("without_export", "one_thread")
def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    data = make_set(tmp_path / "discs")
    whole, killed = make_run(tmp_path / "whole", data), make_run(tmp_path / "killed", data)
    first = child(killed)
    assert main([str(whole)]) == 0  # here, while the other one starts
    saved = killed / checkpoint.FOLDER / checkpoint.LAST
    end = time.monotonic() + 400
    while not saved.exists():
        assert first.poll() is None and time.monotonic() < end, log(killed)
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    again = child(killed)
    assert again.wait(400) == 0, log(killed)
    one, other = checkpoint.load(whole), checkpoint.load(killed)
    assert one is not None and other is not None
    assert one["step"] == other["step"] == 6 and one["figures"] == other["figures"]
    for part in ("task", "average"):
        assert all(torch.equal(value, other[part][name]) for name, value in one[part].items()), part
    assert events(killed)[-2:] == ["model_exported", "finished"]
    _answers(killed / "model", data)


def _answers(package: Path, data: Path) -> None:
    """The package is one that the product takes in and that answers a click without torch."""
    from napari_medkd.inference import load_segmenter
    from napari_medkd.models.store import ModelStore

    card = ModelStore().add(package)
    assert (
        card.training_data == ("discs (4 cases). CC0.",)
        and "seed 3" in card.source
        and str(data) not in card.model_dump_json()
    )
    segmenter = load_segmenter(card.id, device="cpu", runtime="onnx")
    volume = read_volume(data / "images" / "00.png")
    answer = segmenter.predict(
        segmenter.embed(volume, Plane(0, 0)), Prompt(Plane(0, 0), points=(Point(40, 40),))
    )
    assert answer.masks[0].shape == (80, 80) and np.isfinite(answer.scores).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"rounds": 0}, "rounds"), ({"nonsense": 1}, "nonsense"), ({"backbone": "no_such_net"}, "no_such_net")],
)
def test_orders_that_cannot_be_followed_are_a_sentence(tmp_path, options, sentence):
    from napari_medkd.runs import EventWriter

    folder = make_run(tmp_path / "run", make_set(tmp_path / "discs"), **options)
    with EventWriter(folder):
        assert main([str(folder)]) == 2
    failed = EventReader(folder).read()[-1]
    assert failed.kind == "failed" and sentence in failed.message


def test_a_view_that_does_not_fit_into_the_memory_is_a_sentence(tmp_path, monkeypatch):
    from src_training import memory

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("made up")

    monkeypatch.setattr(memory, "need", full)
    folder = make_run(tmp_path / "run", make_set(tmp_path / "discs"))
    assert main([str(folder)]) == 2
    failed = EventReader(folder).read()[-1]
    assert failed.kind == "failed" and "memory" in failed.message


def test_a_folder_without_a_run_is_left_alone(tmp_path, capsys):
    assert main([str(tmp_path / "nothing")]) == 2
    assert "holds no run.json" in capsys.readouterr().err and not (tmp_path / "nothing").exists()
