"""A command line whose model thresholds, and images to run it on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medkd.cli.app import run
from tests.doubles import ThresholdSegmenter


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """Our own data folder, so that no test sees or changes the user's."""
    monkeypatch.setenv("MEDKD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def medkd(capsys):
    """Run a command line in this process."""

    def call(*arguments) -> Outcome:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def segmenter(monkeypatch) -> ThresholdSegmenter:
    """The model that every id gives."""
    double = ThresholdSegmenter()
    monkeypatch.setattr("napari_medkd.cli.answering.load_segmenter", lambda *args, **kwargs: double)
    return double


@pytest.fixture
def disc() -> np.ndarray:
    """A bright disc of radius 9 about row 20, column 33, in (41, 57) pixels."""
    rows, columns = np.mgrid[:41, :57]
    return (rows - 20) ** 2 + (columns - 33) ** 2 <= 81


@pytest.fixture
def picture(tmp_path, disc) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(np.where(disc, 220, 30).astype(np.uint8)).save(path)
    return path
