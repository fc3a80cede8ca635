"""A run of made events, its process that of the test: what the GUI hears of it, and how it stops it."""

from __future__ import annotations

import os

import pytest

from napari_medkd import runs
from napari_medkd.errors import UnreadableFile
from napari_medkd.runs.process import RunProcess
from napari_medkd.widgets.run_bar import RunBar
from napari_medkd.widgets.run_monitor import RunMonitor, RunState

STAGE = runs.Stage(name="segment", index=1, count=2, steps=8)


class Run:
    """A run in a folder whose process is this one until it ends."""

    def __init__(self, name="batch-1", recipe="batch"):
        self.folder = runs.home() / name
        runs.RunSpec(recipe=recipe).save(self.folder)
        self.tell(runs.Started())
        RunProcess.of(os.getpid()).save(self.folder)

    def tell(self, *events):
        with runs.EventWriter(self.folder) as writer:
            for event in events:
                writer.write(event)

    def end(self, *events):
        self.tell(*events)
        (self.folder / "process.json").unlink()


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def monitor(qtbot, qapp):
    found = RunMonitor()
    yield found
    found.let_go()


@pytest.fixture
def bar(monitor, qtbot):
    bar = RunBar(monitor, "Stop after the images in hand.")
    qtbot.addWidget(bar)
    return bar


def test_every_event_is_heard_once_and_the_end_comes_last(monitor, run):
    heard = []
    monitor.event_received.connect(lambda event: heard.append(event.kind))
    monitor.status_changed.connect(heard.append)
    run.tell(STAGE)
    monitor.attach(run.folder)
    monitor.look()
    run.end(runs.Progress(stage="segment", step=8, total=8), runs.Finished(summary={"done": 8}))
    monitor.look()
    monitor.look()
    assert heard == ["running", "started", "stage", "progress", "finished", "finished"]
    assert (monitor.status, monitor.summary) == ("finished", {"done": 8})


def test_the_timer_sees_what_is_told(monitor, run, qtbot):
    monitor.attach(run.folder)
    with qtbot.waitSignal(monitor.progressed, timeout=5000):
        run.tell(STAGE)
    assert monitor.state == RunState("segment", 1, 2, 0, 8)


def test_a_long_run_is_read_piece_by_piece(monitor, run, monkeypatch):
    monkeypatch.setattr("napari_medkd.widgets.run_monitor._BYTES", 100)
    run.end(*[runs.ItemDone(index=index, status="done") for index in range(10)])
    heard = []
    monitor.event_received.connect(heard.append)
    monitor.attach(run.folder)
    assert len(heard) < 5
    while monitor.is_running:
        monitor.look()
    assert [event.index for event in heard[1:]] == list(range(10))
    assert monitor.status == "crashed"


def test_a_resumed_run_starts_anew(monitor, run):
    run.tell(STAGE, runs.Failed(message="No space."))
    monitor.attach(run.folder)
    assert monitor.failure is not None
    run.tell(runs.Started(resumed=True))
    monitor.look()
    assert monitor.failure is None and monitor.state == RunState()


def test_stopping_asks_the_run_and_no_more(monitor, run):
    monitor.attach(run.folder)
    assert not monitor.is_stopping
    monitor.request_stop()
    assert monitor.is_stopping and runs.stop_requested(run.folder)


def test_a_folder_without_a_run_is_a_sentence(monitor, tmp_path):
    with pytest.raises(UnreadableFile):
        monitor.attach(tmp_path)
    assert monitor.handle is None


def test_the_newest_run_of_a_kind_is_found_whatever_lies_between():
    Run("batch-1")
    training = Run("refresh-1", recipe="refresh")
    (training.folder.parent / "broken").mkdir()
    (training.folder.parent / "broken" / "run.json").write_text("{}")
    found = runs.newest(lambda spec: spec.recipe == "batch")
    assert found is not None and found.id == "batch-1"
    assert runs.newest(lambda spec: spec.recipe == "other") is None


def test_the_bar_says_how_far_and_how_long(bar, monitor, run):
    assert bar.isHidden()
    monitor.attach(run.folder)
    assert bar.text == "Starting…"
    run.tell(STAGE, runs.Metric(stage="segment", step=2, values={"images/s": 12.34}))
    run.tell(runs.Progress(stage="segment", step=2, total=8, seconds_left=75))
    monitor.look()
    assert bar.text == "Segment (2 of 2): 2 of 8 1:15 left · images/s 12.34"


def test_the_bar_stops_a_run_and_ends_one_that_does_not(bar, monitor, run, button, monkeypatch):
    ended = []
    monkeypatch.setattr(monitor, "end_now", lambda: ended.append(True))
    monitor.attach(run.folder)
    stop, end = button(bar, "Stop"), button(bar, "End now")
    stop.click()
    assert runs.stop_requested(run.folder) and not stop.isEnabled() and end.isHidden()
    bar._patience.timeout.emit()
    end.click()
    assert ended and not end.isHidden()
    run.end()
    monitor.look()
    assert bar.text == "Stopped; it can go on from there." and stop.isHidden() and end.isHidden()


def test_the_bar_says_why_a_run_failed(bar, monitor, run):
    run.end(runs.Failed(message="There is no image in it.", hint="Choose another folder."))
    monitor.attach(run.folder)
    monitor.look()
    assert bar.text == "It failed. There is no image in it. Choose another folder."
