"""A batch as its users start it: a process of its own, its folder of masks, its report."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_medkd import batch, runs
from napari_medkd.batch import run as running
from napari_medkd.batch.ledger import read_rows
from napari_medkd.errors import (
    InvalidPrompt,
    InvalidSetting,
    ModelUnavailable,
    UnknownName,
    UnreadableFile,
)
from napari_medkd.models.card import Target
from tests.batch.made import bright_card, pixels, square

FULL_AT = "400k"
FOLDERS = {"source": "a", "target": "b", "model": "c"}


@pytest.fixture
def start(installed, config):
    """Start a batch; what is left of it is ended after the test."""
    handles = []

    def call(**more):
        handles.append(batch.start(config(**{"workers": 1, **more})))
        return handles[-1]

    yield call
    for handle in handles:
        handle.stop(wait=0, grace=5)


def finish(handle):
    status = handle.wait(120)
    assert status == "finished", (status, handle.poll(), handle.log_tail())
    return handle.poll()


def table(tmp_path):
    with (tmp_path / "masks" / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def half_files(folder):
    """Return what a reader would take for a mask and cannot read, and what was left unfinished."""
    bad = list(folder.rglob(".*"))
    for path in folder.rglob("*.png"):
        try:
            pixels(path)
        except OSError:
            bad.append(path)
    return bad


@pytest.mark.slow
def test_a_mixed_folder_comes_out_right(start, images, save, save_series, tmp_path):
    save(images / "a.png")
    save(images / "sub" / "b.jpg")
    save_series(images / "ct")
    (images / "broken.png").write_bytes(b"no picture")
    (images / "notes.txt").write_text("none")
    events = finish(start(measure=True))
    rows = table(tmp_path)
    assert [row["status"] for row in rows.values()] == ["done", "failed", "done", "done"]
    assert next(iter(rows)) == "a.png" and "not a picture" in rows["broken.png"]["reason"]
    assert np.array_equal(pixels(tmp_path / "masks" / "a.png") > 0, square() > 0)
    summary = events[-1].summary
    assert (summary["done"], summary["failed"], summary["skipped"]) == (3, 1, 0)
    items = [event for event in events if isinstance(event, runs.ItemDone)]
    assert sorted(event.index for event in items) == [0, 1, 2, 3]
    steps = [event.step for event in events if isinstance(event, runs.Progress) and event.stage == "segment"]
    assert steps[-1] == 4 and steps == sorted(steps)
    assert any(isinstance(event, runs.Warning) and ".txt" in event.message for event in events)
    assert (tmp_path / "masks" / "report.html").exists() and (tmp_path / "masks" / "measures.csv").exists()


@pytest.mark.slow
def test_a_batch_that_is_killed_and_then_stopped_loses_only_what_was_in_hand(start, images, save, tmp_path):
    for number in range(40):
        save(images / f"{number:02}.png")
    masks = tmp_path / "masks"
    first = start()
    wait_for(lambda: sum(row.status == "done" for row in read_rows(masks)) >= 5)
    parent = psutil.Process(runs.process.RunProcess.load(first.folder).pid)
    workers = parent.children(recursive=True)
    os.kill(parent.pid, signal.SIGKILL)
    psutil.wait_procs(workers, timeout=30)
    assert first.wait(30) == "crashed"
    done = {row.name for row in read_rows(masks) if row.status == "done"}
    assert 5 <= len(done) < 40
    (masks / f".{'0' * 32}.png").write_bytes(b"half")  # as a worker killed in writing leaves it
    (masks / f".{'1' * 32}.ome.zarr").mkdir()
    times = {name: (masks / name).stat().st_mtime_ns for name in done}
    second = start()
    wait_for(lambda: sum(row.status == "done" for row in read_rows(masks)) > len(done))
    assert second.stop(wait=60) == "stopped"
    reached = len(table(tmp_path))
    assert len(done) < reached < 40 and not half_files(masks)
    page = (masks / "report.html").read_text("utf-8")
    assert f"{40 - reached} images are not done yet" in page
    events = finish(batch.resume(second.folder))
    assert {name: (masks / name).stat().st_mtime_ns for name in done} == times
    assert {row["status"] for row in table(tmp_path).values()} == {"done"} and len(table(tmp_path)) == 40
    begun = [index for index, event in enumerate(events) if isinstance(event, runs.Started)][-1]
    items = [event for event in events[begun:] if isinstance(event, runs.ItemDone)]
    assert len(items) == 40 - reached and not half_files(masks)


@pytest.mark.slow
def test_new_images_are_added_and_others_masks_are_left(start, images, save, tmp_path):
    save(images / "a.png")
    finish(start())
    before = (tmp_path / "masks" / "a.png").stat().st_mtime_ns
    save(images / "b.png")
    events = finish(start())
    assert [event.index for event in events if isinstance(event, runs.ItemDone)] == [1]
    assert (tmp_path / "masks" / "a.png").stat().st_mtime_ns == before
    handle = start(threshold=0.7)
    assert handle.wait(60) == "failed" and "--overwrite" in handle.poll()[-1].hint


@pytest.mark.slow
def test_a_disk_that_runs_full_ends_the_run_and_leaves_nothing_half(
    installed, config, images, save, tmp_path
):
    for number in range(12):
        save(
            images / f"{number:02}.png", np.random.default_rng(number).integers(0, 255, (300, 300), np.uint8)
        )
    masks, kept = tmp_path / "masks", tmp_path / "kept"
    masks.mkdir()
    folder = runs.new_folder("batch")
    options = config(workers=1).model_dump(mode="json")
    runs.RunSpec(recipe="batch", options=options).save(folder)
    mounted = f"mount -t tmpfs -o size={FULL_AT} tmpfs {masks}"
    work = f"{sys.executable} -m napari_medkd.batch {folder}"
    command = f"{mounted} || exit 77; {work}; code=$?; cp -a {masks} {kept}; exit $code"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no small disk can be mounted here")
    assert done.returncode == 2, done.stderr
    (failed,) = (event for event in runs.EventReader(folder).read() if isinstance(event, runs.Failed))
    assert "No space left" in failed.message and "space" in failed.hint
    assert 0 < sum(row.status == "done" for row in read_rows(kept)) < 12
    assert not half_files(kept)


def test_boxes_are_asked_for_where_a_model_needs_them(installed, images, save, config, tmp_path):
    save(images / "a.png")
    with pytest.raises(InvalidPrompt, match="--prompt-file"):
        batch.start(config(model="boxed"))
    with pytest.raises(InvalidPrompt, match="takes no boxes"):
        batch.start(config(prompts=str(tmp_path / "boxes.csv")))
    with pytest.raises(UnreadableFile, match=r"boxes\.csv"):  # before a process is started
        batch.start(config(model="boxed", prompts=str(tmp_path / "boxes.csv")))


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"model": "nonesuch"}, ModelUnavailable, "nonesuch"),
        ({"format": "docx"}, UnknownName, "docx"),
        ({"target": "images"}, InvalidSetting, "among the images"),
    ],
)
def test_what_cannot_work_is_said_before_a_process_is_started(
    installed, images, config, tmp_path, options, kind, sentence
):
    if "target" in options:
        options = {"target": str(tmp_path / options["target"])}
    with pytest.raises(kind, match=sentence):
        batch.start(config(**options))
    assert not runs.list_runs()


def test_a_modality_that_the_model_does_not_know_lists_those_it_does(config, exported):
    from napari_medkd.models.store import ModelStore

    ModelStore().install(bright_card(Target(name="liver", modality="ct"), id="kinds"), exported)
    with pytest.raises(InvalidSetting, match="'mr'") as caught:
        running.check(config(model="kinds", modality="mr"))
    assert "ct" in caught.value.hint


def test_options_of_another_version_are_a_sentence(tmp_path):
    with pytest.raises(InvalidSetting, match="tile"):
        running.config_of(runs.RunSpec(recipe="batch", options={**FOLDERS, "tile": -1}))


def test_processes_are_as_many_as_cores_and_the_memory_allow(monkeypatch):
    monkeypatch.setattr(running, "_cores", lambda: 6)
    monkeypatch.setattr(running, "_WORKER_BYTES", 1)
    assert running.default_workers("cpu") == (6, 1)
    assert running.default_workers("cuda:0") == (6, 0)  # they read and write for one that runs the model
    monkeypatch.setattr(running, "_WORKER_BYTES", psutil.virtual_memory().total // 2)
    assert running.default_workers("cpu") == (2, 3)
