"""A viewer that dies: what was committed is there, and the next one takes up the run that it started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from napari_medkd import learning
from napari_medkd.corrections import places

ROOT = Path(__file__).parents[2]
# What a viewer does until it is killed: commits, starts to learn, commits again, and dies.
VIEWER = """
import os, signal
from functools import partial
from napari_medkd import learning, runs
from napari_medkd.corrections import places
from tests.corrections.made import make

for seed in range(7):
    places.outbox().post(make(f"case {seed}", seed))
runs.start = partial(runs.start, module="tests.runs.child")
learning.start(learning.Order(base="medkd-fast", options={"mode": "polite"}))
places.outbox().post(make("the last", 8))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_viewer_that_is_killed_loses_nothing_and_its_run_goes_on(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run([sys.executable, "-c", VIEWER], timeout=300, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(places.outbox()) == 1
    assert learning.collected().objects == 8, "what waited for the store is brought there by the next one"
    (run,) = learning.learning_runs()
    assert run.stand == "running" and len(run.handle.spec.learning.corrections) == 7
    assert run.handle.stop(wait=60) == "stopped"
    (again,) = learning.learning_runs()
    assert again.can_resume and [event.kind for event in again.handle.poll()][-1] == "checkpoint"
