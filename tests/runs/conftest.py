"""Runs whose process is a few lines, and whatever is left of them is ended with the test."""

import os
import time
from pathlib import Path

import pytest

from napari_medkd import runs

ROOT = Path(__file__).parents[2]
CHILD = "tests.runs.child"


@pytest.fixture(autouse=True)
def child_is_found(monkeypatch):
    known = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), known])))


@pytest.fixture
def start(tmp_path):
    """Start a run of the child in a mode; every run is ended after the test."""
    handles = []

    def call(mode: str, folder: Path | None = None) -> runs.RunHandle:
        spec = runs.RunSpec(recipe="toy", options={"mode": mode})
        handles.append(runs.start(spec, folder or tmp_path / f"run-{len(handles)}", module=CHILD))
        return handles[-1]

    yield call
    for handle in handles:
        handle.stop(wait=0, grace=5)


@pytest.fixture
def follow():
    """Poll a run until an event of a kind has come; returns all that came."""

    def call(handle, kind, seconds=30.0):
        seen, until = [], time.monotonic() + seconds
        while not any(isinstance(event, kind) for event in seen):
            assert time.monotonic() < until, (seen, handle.log_tail())
            seen += handle.poll()
            time.sleep(0.01)
        return seen

    return call
