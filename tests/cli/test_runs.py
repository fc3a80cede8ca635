import os

import pytest
from rich.console import Console
from rich.progress import MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from napari_medkd import runs
from napari_medkd.cli import watching
from napari_medkd.runs.process import RunProcess


@pytest.fixture
def made():
    """Make the folder of a run that has told some events and whose process is gone."""

    def call(*events, name="toy-1", alive=False):
        folder = runs.home() / name
        runs.RunSpec(recipe="toy").save(folder)
        with runs.EventWriter(folder) as writer:
            for event in (runs.Started(), *events):
                writer.write(event)
        if alive:
            RunProcess.of(os.getpid()).save(folder)
        return folder

    return call


def progress(step, t=0.0, **more):
    return runs.Progress(t=t, stage="masks", step=step, total=100, **more)


def test_no_runs_is_an_empty_list(medkd):
    assert medkd("runs", "list", "--json").json["runs"] == []
    said = medkd("runs", "list")
    assert said.code == 0
    assert "No runs yet" in said.err


def test_the_list_says_how_each_run_stands(medkd, made):
    made(progress(40, seconds_left=9), name="a", alive=True)
    made(progress(100), runs.ModelExported(id="student", path="model"), runs.Finished(), name="b")
    made(runs.Stage(name="masks", index=0, count=1, steps=7), runs.Failed(message="No images."), name="c")
    runs.request_stop(made(progress(3), name="d"))
    made(name="e")
    found = {run["id"]: run for run in medkd("runs", "list", "--json").json["runs"]}
    statuses = {name: run["status"] for name, run in found.items()}
    assert statuses == {"a": "running", "b": "finished", "c": "failed", "d": "stopped", "e": "crashed"}
    assert (found["a"]["step"], found["a"]["total"], found["a"]["seconds_left"]) == (40, 100, 9)
    assert found["b"]["model"] == "student" and found["c"]["message"] == "No images."
    assert (found["c"]["stage"], found["c"]["step"], found["c"]["total"]) == ("masks", 0, 7)
    shown = medkd("runs", "list").out
    assert "masks 40/100" in shown and "crashed" in shown


def test_the_list_says_nothing_of_an_earlier_attempt(medkd, made):
    made(progress(40), runs.Failed(message="No memory."), runs.Started(resumed=True))
    (run,) = medkd("runs", "list", "--json").json["runs"]
    assert (run["status"], run["stage"], run["message"]) == ("crashed", "", "")


def test_a_damaged_run_does_not_hide_the_others(medkd, made):
    made(name="good")
    (made(name="bad") / "run.json").write_text("{")
    outcome = medkd("runs", "list", "--json")
    assert [run["id"] for run in outcome.json["runs"]] == ["good"]
    assert "does not describe a run" in outcome.err


def test_runs_elsewhere_are_listed_by_their_folder(medkd, tmp_path):
    runs.RunSpec(recipe="toy").save(tmp_path / "mine" / "one")
    (run,) = medkd("runs", "list", "--in", tmp_path / "mine", "--json").json["runs"]
    assert run["id"] == "one"


def test_watching_ends_with_the_run(medkd, made):
    made(progress(100), runs.Finished(summary={"dice": 0.9}))
    outcome = medkd("runs", "watch", "toy-1")
    assert outcome.code == 0 and "dice 0.9" in outcome.out


def test_watching_a_failed_run_says_why(medkd, made):
    made(runs.Failed(message="No images.", hint="Give some."))
    outcome = medkd("runs", "watch", "toy-1")
    assert outcome.code == 2 and "medkd: No images." in outcome.err and "Give some." in outcome.err


def test_ctrl_c_ends_the_watching_and_not_the_run(medkd, made, monkeypatch):
    def press(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_medkd.cli.watching.time.sleep", press)
    folder = made(progress(1), alive=True)
    outcome = medkd("runs", "watch", "toy-1")
    assert outcome.code == 130 and "The run goes on. Stop it with: medkd runs stop toy-1" in outcome.err
    assert not runs.stop_requested(folder)


def test_stopping_what_is_not_running_says_so(medkd, made):
    made(runs.Finished())
    outcome = medkd("runs", "stop", "toy-1")
    assert outcome.code == 0 and "was not running: it has finished" in outcome.err


@pytest.mark.parametrize("command", ["watch", "stop"])
def test_an_unknown_run_lists_the_known(medkd, made, command):
    made()
    outcome = medkd("runs", command, "nonesuch")
    assert outcome.code == 2 and "toy-1" in outcome.err


def test_a_log_is_told_what_matters_and_not_every_step():
    lines = []
    show = watching.Lines(lines.append)
    show(runs.Stage(name="masks", index=0, count=2, steps=100))
    for step in range(1, 101):
        show(runs.Metric(stage="masks", step=step, values={"loss": 1 / step}))
        show(progress(step, t=1000.0 + step, seconds_left=100 - step))
    show(runs.Warning(message="Little memory.", hint="Smaller batches."))
    assert lines[:2] == ["Stage 1 of 2: masks, 100 steps", "masks 1/100  1:39 left  loss 1"]
    assert lines[-2:] == ["masks 100/100  0:00 left  loss 0.01", "Little memory. Smaller batches."]
    assert len(lines) == 13


def test_a_terminal_shows_a_bar_a_stage(tmp_path):
    with (tmp_path / "screen").open("w+") as file:
        console = Console(file=file, width=120)
        columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
        bars = Bars(*columns, console=console, auto_refresh=False)
        show = watching.Terminal(bars)
        show(runs.Started())
        assert [task.description for task in bars.tasks] == ["starting"]
        show(runs.Stage(name="masks", index=0, count=2, steps=100))
        show(runs.Metric(stage="masks", step=9, values={"loss": 0.5}))
        show(progress(10, seconds_left=3700))
        show(runs.Stage(name="polish", index=1, count=2, steps=0))
        show(runs.Warning(message="Little [memory]."))
        console.print(bars)
        file.seek(0)
        shown = file.read()
    assert "masks (1/2)" in shown and "10/100" in shown and "1:01:40 left  loss 0.5" in shown
    assert "starting" not in shown and "polish (2/2)" in shown and "Little [memory]." in shown
    show(runs.Started(resumed=True))
    assert [task.description for task in bars.tasks] == ["starting"]
