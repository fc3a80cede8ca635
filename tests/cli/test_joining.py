"""Under torchrun a process does the run itself: the first begins it, the others wait for its folder."""

import threading

import pytest

from napari_medkd import runs
from napari_medkd.cli import joining
from napari_medkd.errors import InvalidSetting, StorageError
from napari_medkd.runs import RunSpec

SPEC = RunSpec(recipe="toy")


@pytest.fixture
def trained(monkeypatch):
    """Folders that were trained in."""
    folders = []
    monkeypatch.setattr("src_training.__main__.main", lambda arguments: folders.append(arguments) or 0)
    return folders


@pytest.fixture
def rank(monkeypatch):
    def be(number, restarts=0):
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
        monkeypatch.setenv("RANK", str(number))
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restarts))

    return be


def test_only_torchrun_makes_one_of_many(monkeypatch, rank):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert not joining.is_one_of_many()
    rank(1)
    assert joining.is_one_of_many()


def test_the_first_process_begins_the_run_and_is_the_one_that_is_seen(tmp_path, trained, rank):
    rank(0)
    assert joining.join(SPEC, tmp_path / "run") == 0
    assert trained == [[str(tmp_path / "run")]]
    run = runs.attach(tmp_path / "run")
    assert run.status == "running"  # this very process
    assert [event.kind for event in run.poll()] == ["started"]
    with pytest.raises(StorageError, match="holds a run"):
        joining.join(SPEC, tmp_path / "run")


def test_processes_that_are_started_again_go_on(tmp_path, trained, rank, monkeypatch):
    SPEC.save(tmp_path / "run")
    rank(0, restarts=1)
    assert joining.join(SPEC, tmp_path / "run") == 0
    (started,) = runs.attach(tmp_path / "run").poll()
    assert started.resumed


def test_the_others_wait_for_the_folder(tmp_path, trained, rank, monkeypatch):
    monkeypatch.setattr(joining, "_LOOK_SECONDS", 0.01)
    rank(1)
    late = threading.Timer(0.1, SPEC.save, [tmp_path / "run"])
    late.start()
    assert joining.join(SPEC, tmp_path / "run") == 0
    late.join()
    assert not (tmp_path / "run" / "events.jsonl").exists()
    monkeypatch.setattr(joining, "_PATIENCE", 0.05)
    with pytest.raises(StorageError, match="not seen"):
        joining.join(SPEC, tmp_path / "elsewhere")


def test_the_folder_must_be_named(trained, rank):
    rank(0)
    with pytest.raises(InvalidSetting, match="folder"):
        joining.join(SPEC, None)
    assert not trained
