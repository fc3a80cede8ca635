"""``medkd batch``: the process of the run is left out here, and what it would have done is put in place."""

import json
from pathlib import Path

import pytest

from napari_medkd import runs
from napari_medkd.batch.config import BatchConfig
from napari_medkd.batch.ledger import Ledger
from napari_medkd.batch.row import Row
from napari_medkd.errors import ModelUnavailable
from napari_medkd.settings import Settings


@pytest.fixture
def started(monkeypatch):
    """Batches that were started; each is finished at once, with a failure unless its model is perfect."""
    found = []

    def start(config: BatchConfig, folder=None):
        failed = config.model != "perfect"
        found.append(config)
        folder = folder or runs.new_folder("batch")
        runs.RunSpec(recipe="batch", options=config.model_dump(mode="json")).save(folder)
        _finish(config, folder, failed)
        return runs.attach(folder)

    monkeypatch.setattr("napari_medkd.batch.start", start)
    return found


def _finish(config, folder, failed):
    rows = [Row(name="a.png", key="k", run=folder.name, status="done", output="a.png")]
    if failed:
        rows.append(
            Row(
                name="b.png",
                key="k",
                run=folder.name,
                status="failed",
                reason="It is empty.",
                hint="Copy it.",
            )
        )
    with Ledger(Path(config.target)) as ledger:
        ledger.append(rows)
    (Path(config.target) / "report.html").write_text("report")
    with runs.EventWriter(folder) as events:
        events.write(runs.Started())
        events.write(runs.Stage(name="segment", index=1, count=2, steps=2))
        events.write(runs.ItemDone(index=0, status="done", confidence=0.9))
        events.write(runs.Progress(stage="segment", step=2, total=2, seconds_left=0))
        events.write(
            runs.Finished(
                summary={
                    "done": 1,
                    "failed": int(failed),
                    "skipped": 0,
                    "images_per_second": 2.5,
                    "earlier": 0,
                }
            )
        )


def test_options_become_the_batch_and_a_failure_the_exit_code(medkd, started, picture, tmp_path):
    outcome = medkd(
        *(
            "batch",
            tmp_path,
            tmp_path / "out",
            "--model",
            "bright",
            "--pattern",
            "*.png",
            "--pattern",
            "*.tif",
        ),
        *("--format", "nifti", "--window", "0,300", "--threshold", "0.4", "--measure", "--overlay", "--skip"),
        *("--workers", 2, "--device", "cpu", "--tile", 0, "--clean", "largest", "--json"),
    )
    assert outcome.code == 2, outcome.err
    (config,) = started
    assert (config.source, config.target, config.model) == (str(tmp_path), str(tmp_path / "out"), "bright")
    assert (config.pattern, config.format, config.window) == (("*.png", "*.tif"), "nifti", (0, 300))
    assert (config.threshold, config.measure, config.overlay, config.existing) == (0.4, True, True, "skip")
    assert (config.workers, config.device, config.tile, config.clean) == (2, "cpu", 0, "largest")
    report = outcome.json
    assert (report["done"], report["failed"], report["status"]) == (1, 1, "finished")
    assert report["failures"] == [{"image": "b.png", "reason": "It is empty.", "hint": "Copy it."}]
    assert report["page"] == str(tmp_path / "out" / "report.html") and report["table"] is None
    assert "b.png: It is empty. Copy it." in outcome.err


def test_all_well_is_0_and_says_where_the_report_is(medkd, started, tmp_path):
    outcome = medkd("batch", tmp_path, tmp_path / "out", "--model", "perfect")
    assert outcome.code == 0, outcome.err
    assert "1 segmented, 0 failed, 0 skipped, 2.50 images/s" in outcome.out and "report.html" in outcome.out


def test_the_default_model_is_taken(medkd, started, tmp_path):
    medkd("batch", tmp_path, tmp_path / "out")
    assert started[0].model == Settings().default_model


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "needs images"),
        (["IN"], "needs a folder for the masks"),
        (["nowhere", "OUT"], "no file or folder"),
        (["IN", "OUT", "--overwrite", "--skip"], "opposite"),
        (["IN", "OUT", "--threshold", "1.5"], "--threshold cannot be 1.5"),
        (["IN", "OUT", "--window", "5"], "LOW,HIGH"),
        (["IN", "OUT", "--clean", "all"], "is not one of"),
        (["--resume", "nonesuch"], "no run 'nonesuch'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_2(medkd, started, tmp_path, arguments, sentence):
    places = {"IN": str(tmp_path), "OUT": str(tmp_path / "out"), "nowhere": str(tmp_path / "none")}
    outcome = medkd("batch", *(places.get(argument, argument) for argument in arguments))
    assert outcome.code == 2 and sentence in outcome.err and outcome.out == ""
    assert not started


def test_an_error_of_the_batch_is_shown(medkd, monkeypatch, tmp_path):
    def start(config, folder=None):
        raise ModelUnavailable("The model is not there.", "Add it.")

    monkeypatch.setattr("napari_medkd.batch.start", start)
    outcome = medkd("batch", tmp_path, tmp_path / "out")
    assert (outcome.code, outcome.err) == (2, "medkd: The model is not there.\n       Add it.\n")


def test_a_detached_batch_says_how_to_follow_it(medkd, started, tmp_path):
    outcome = medkd("batch", tmp_path, tmp_path / "out", "--detach")
    assert outcome.code == 0 and "medkd runs watch batch-" in outcome.out


def test_a_run_is_resumed_as_it_was_started(medkd, started, monkeypatch, tmp_path):
    medkd("batch", tmp_path, tmp_path / "out", "--run", tmp_path / "run")
    resumed = []
    monkeypatch.setattr(
        "napari_medkd.batch.resume", lambda folder: resumed.append(folder) or runs.attach(folder)
    )
    outcome = medkd("batch", "--resume", tmp_path / "run", "--json")
    assert resumed == [tmp_path / "run"] and json.loads(outcome.out)["run"] == "run"
    assert "without another" in medkd("batch", "--resume", tmp_path / "run", "--tile", 5).err
    runs.RunSpec(recipe="interactive").save(tmp_path / "training")
    assert "no batch" in medkd("batch", "--resume", tmp_path / "training").err


def test_a_stopped_batch_says_how_to_go_on(tmp_path):
    from napari_medkd.cli.watching import resume_command

    runs.RunSpec(recipe="batch").save(tmp_path / "run")
    assert resume_command(runs.attach(tmp_path / "run")) == f"medkd batch --resume {tmp_path / 'run'}"
