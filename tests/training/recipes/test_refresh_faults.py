"""A run that learns for real and dies: by a kill, and by a disk that is full. It says so, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_medkd import runs
from src_training.__main__ import main
from tests.training.recipes.test_refresh import events, installed, little, make_run  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
DISK = "4m"  # room for the images, and not for a checkpoint
WITHOUT = ("without_export", "one_thread")


@pytest.fixture(autouse=True)
def nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src_training.comparing.compare", lambda context, place: {})


@pytest.mark.slow
@pytest.mark.usefixtures(*WITHOUT)
def test_a_trainer_that_is_killed_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", steps=3000)
    child = subprocess.Popen([sys.executable, "-m", "src_training", str(run)], cwd=ROOT)
    runs.process.RunProcess.of(child.pid).save(run)
    wait_for(lambda: any(event.kind == "checkpoint" for event in events(run)), child)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    handle = runs.attach(run)
    assert handle.status == "crashed"
    before = [event.step for event in handle.poll() if event.kind == "checkpoint"][-1]
    (run / "run.json").write_text((run / "run.json").read_text().replace("3000", str(before + 2)))
    assert main([str(run)]) == 0, events(run)[-1]
    again = [event.step for event in handle.poll() if event.kind == "checkpoint"]
    assert again == [before + 1, before + 2] and handle.status == "finished"


@pytest.mark.slow
@pytest.mark.usefixtures(*WITHOUT)
def test_a_full_disk_ends_a_run_with_a_sentence_and_it_goes_on(tmp_path: Path) -> None:
    run, kept = make_run(tmp_path / "run"), tmp_path / "kept"
    full = (
        f"mkdir {tmp_path}/disk && mount -t tmpfs -o size={DISK} tmpfs {tmp_path}/disk || exit 77; "
        f"cp -a {run} {tmp_path}/disk/run; {sys.executable} -m src_training {tmp_path}/disk/run; code=$?; "
        f"cp -a {tmp_path}/disk/run {kept}; exit $code"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", full], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no small disk can be mounted here")
    assert done.returncode == 2, done.stderr
    failed = events(kept)[-1]
    assert failed.kind == "failed" and "could not be written" in failed.message and "space" in failed.hint
    assert not list(kept.rglob("*.part*")), "nothing half is left"
    assert main([str(kept)]) == 0, events(kept)[-1]


def wait_for(condition: Callable[[], bool], child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 240
    while not condition():
        assert child.poll() is None and time.monotonic() < until
        time.sleep(0.05)
