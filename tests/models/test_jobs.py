from __future__ import annotations

import json
import shutil

import pytest

from napari_medkd.errors import ModelUnavailable, StorageError
from napari_medkd.models import jobs
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.checkpoint import sha256
from napari_medkd.models.jobs import add_in_child, export_in_child, report
from napari_medkd.models.package import CARD, WEIGHTS
from napari_medkd.models.store import ModelStore


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models", shipped=tmp_path / "none")


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(b"weights")
    card = ModelCard(
        id="tiny",
        title="Tiny",
        architecture=Architecture(encoder="sam_vit"),
        preprocessing=Preprocessing(),
        capabilities=frozenset({"box"}),
        files={WEIGHTS: sha256(folder / WEIGHTS)},
    )
    (folder / CARD).write_text(card.model_dump_json())
    return folder


def test_a_model_is_added_by_a_child(store, package):
    card = add_in_child(package, store, lambda text: None)
    assert card == store.get("tiny")
    with pytest.raises(ModelUnavailable, match="installed already"):
        add_in_child(package, store, lambda text: None)
    assert add_in_child(package, store, lambda text: None, replace=True).id == "tiny"


def test_the_childs_refusal_is_ours(store, package, tmp_path):
    (package / WEIGHTS).write_bytes(b"other")
    with pytest.raises(ModelUnavailable, match="damaged or is another file") as caught:
        add_in_child(package, store, lambda text: None)
    assert caught.value.hint
    with pytest.raises(ModelUnavailable, match=r"There is no file absent\.pth"):
        add_in_child(tmp_path / "absent.pth", store, lambda text: None)


def test_a_child_that_dies_is_a_sentence(store, package, monkeypatch):
    store.add(package)
    shutil.rmtree(package)
    monkeypatch.setattr(jobs.sys, "executable", "false")
    with pytest.raises(ModelUnavailable, match="Tiny could not be prepared: its process ended with code 1"):
        export_in_child(store.get("tiny"), store, lambda text: None)


def test_the_child_speaks_json_lines(capsys):
    def work(tell):
        tell("Half way…")
        return {"id": "x"}

    assert report(work) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"kind": "progress", "text": "Half way…"}, {"kind": "finished", "id": "x"}]

    def fail(tell):
        raise StorageError("Full.", "Free some.")

    assert report(fail) == 2
    assert json.loads(capsys.readouterr().out) == {"kind": "failed", "message": "Full.", "hint": "Free some."}
