"""Corrections of seven cases in the user's own store, and runs whose process is a few lines."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_medkd import runs
from napari_medkd.corrections import places
from napari_medkd.models.package import CARD, DECODER, ENCODER
from napari_medkd.models.store import ModelStore
from tests.corrections.made import make

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard

ROOT = Path(__file__).parents[2]
BASE = "medkd-fast"


@pytest.fixture
def corrections():
    """Seven cases: the store holds one or two out, and one is for choosing by."""
    with places.open_store() as store:
        for seed in range(7):
            store.add(make(f"case {seed}", seed, label="cell" if seed < 5 else "vessel"))


@pytest.fixture
def toy(monkeypatch):
    """Have the process of a run be a few lines that end well."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("start", "resume"):
        monkeypatch.setattr(
            f"napari_medkd.runs.{name}", partial(getattr(runs, name), module="tests.runs.child")
        )


@pytest.fixture
def finished(tmp_path):
    """Make the folder of a run that has ended with a model; the model is that which ships, renamed."""

    def call(
        name: str = "medkd-fast-r1",
        run: str = "learn-1",
        ended: bool = True,
        base: str = BASE,
        method: str = "quick",
    ) -> Path:
        folder = runs.home() / run
        learning = runs.Learning(method=method, corrections={"a": "b"}, against=base)
        spec = runs.RunSpec(recipe="refresh", options={"name": name}, base=base, learning=learning)
        spec.save(folder)
        with runs.EventWriter(folder) as events:
            events.write(runs.Started())
            if ended:
                events.write(runs.Finished())
        store = ModelStore()
        card = store.get(base)
        files = {one: store.files(base)[one] for one in (ENCODER, DECODER)}
        (folder / "model").mkdir()
        for one, path in files.items():
            shutil.copyfile(path, folder / "model" / one)
        made: ModelCard = card.model_copy(
            update={"id": name, "files": {one: card.files[one] for one in files}, "parent": base}
        )
        (folder / "model" / CARD).write_text(made.model_dump_json(), encoding="utf-8")
        return folder

    return call
