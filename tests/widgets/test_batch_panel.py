"""The Batch tab without a process: what it asks for, what it says of a run, and how it finds one again."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QScrollArea

from napari_medkd import batch, runs
from napari_medkd.errors import InvalidSetting
from napari_medkd.models.card import Target
from napari_medkd.widgets.batch_panel import BatchPanel
from tests.batch.made import bright_card
from tests.widgets.test_run_monitor import Run

KINDS = (Target(name="liver", modality="ct"), Target(name="polyp", modality="endoscopy"))
CARDS = [bright_card(id="boxed"), bright_card(Target(name="bright")), bright_card(*KINDS, id="kinds")]


class BatchRun(Run):
    """A run of a batch whose process is this one until it ends."""

    def __init__(self, config: batch.BatchConfig, name: str = "batch-1"):
        super().__init__(name)
        (self.folder / "run.json").unlink()
        runs.RunSpec(recipe="batch", options=config.model_dump(mode="json")).save(self.folder)


@pytest.fixture
def panel(qtbot, tmp_path):
    panel = BatchPanel(
        lambda: CARDS, lambda: "bright", lambda _: tmp_path / "scans", lambda _: tmp_path / "b.csv"
    )
    qtbot.addWidget(panel)
    panel.refresh()
    yield panel
    panel.monitor.let_go()


@pytest.fixture
def started(monkeypatch):
    """Batches that were started, and their runs."""
    found: list[tuple[batch.BatchConfig, BatchRun]] = []

    def start(config):
        found.append((config, BatchRun(config)))
        return runs.attach(found[-1][1].folder)

    monkeypatch.setattr(batch, "start", start)
    return found


@pytest.fixture
def press(panel, button):
    return lambda name: button(panel, name).click()


def choose(panel, model):
    panel.box._model.setCurrentIndex(panel.box._model.findData(model))
    panel.box._on_model()


def test_a_folder_is_started_and_followed_to_its_report(panel, press, started, tmp_path):
    press("Choose images")
    assert panel.box.masks.path == tmp_path / "scans-masks"
    panel.box._overlay.setChecked(True)
    press("Start")
    ((config, run),) = started
    assert (config.model, config.overlay, config.prompts) == ("bright", True, "")
    assert (config.source, config.target) == (str(tmp_path / "scans"), str(tmp_path / "scans-masks"))
    run.tell(runs.Stage(name="segment", index=1, count=2, steps=3), runs.Warning(message="One is left out."))
    run.tell(*(runs.ItemDone(index=i, status=s) for i, s in enumerate(("done", "failed", "done"))))
    panel.monitor.look()
    assert "2 segmented · 1 failed" in panel.run_box.text and "One is left out." in panel.run_box.text
    assert not panel.run_box._report.isEnabled() and not panel.box._start.isEnabled()
    (tmp_path / "scans-masks").mkdir()
    (tmp_path / "scans-masks" / "report.html").write_text("report")
    run.end(runs.Finished(summary={"done": 9, "failed": 1, "skipped": 0}))
    panel.monitor.look()
    panel.monitor.look()
    assert "9 segmented · 1 failed" in panel.run_box.text
    assert panel.run_box._report.isEnabled() and panel.box._start.isEnabled()


def test_what_is_missing_is_said_and_nothing_starts(panel, press, started):
    press("Start")
    assert "No images are chosen." in panel.box._problem.text() and not started


def test_what_cannot_be_started_is_said(panel, press, monkeypatch):
    def start(config):
        raise InvalidSetting("The masks would be written among the images.", "Choose another folder.")

    monkeypatch.setattr(batch, "start", start)
    press("Choose images")
    press("Start")
    assert "among the images" in panel.box._problem.text() and panel.monitor.handle is None


def test_boxes_and_kinds_are_asked_for_where_the_model_knows_them(panel, press, tmp_path):
    box = panel.box
    press("Choose images")
    assert box.boxes.isHidden() and box._kind.isHidden()
    choose(panel, "kinds")
    box._kind.setCurrentIndex(box._kind.findData("endoscopy"))
    assert not box._kind.isHidden() and box.config.modality == "endoscopy"
    choose(panel, "boxed")
    press("Choose boxes")
    assert not box._boxes_note.isHidden() and box.config.prompts == str(tmp_path / "b.csv")
    choose(panel, "bright")
    assert box.config.prompts == ""


def test_a_batch_that_goes_on_is_found_again_with_what_it_was_asked(qtbot, tmp_path, button):
    asked = batch.BatchConfig(
        source="/a", target=str(tmp_path), model="kinds", modality="ct", format="nrrd", measure=True, tile=512
    )
    run = BatchRun(asked)
    run.tell(runs.ItemDone(index=0, status="done", confidence=0.5))
    panel = BatchPanel(lambda: CARDS, lambda: "bright")
    qtbot.addWidget(panel)
    panel.refresh()
    assert panel.monitor.is_running and "1 segmented" in panel.run_box.text
    assert panel.box.config == asked
    button(panel, "Cancel").click()
    assert runs.stop_requested(run.folder)
    run.end()
    panel.monitor.look()
    assert not panel.run_box._resume.isHidden()
    panel.monitor.let_go()


def test_resume_goes_on_with_the_same_run_and_review_names_its_masks(
    panel, press, started, monkeypatch, qtbot
):
    press("Choose images")
    press("Start")
    ((config, run),) = started
    run.tell(runs.ItemDone(index=0, status="done"))
    run.end()
    panel.monitor.look()
    panel.monitor.look()
    with qtbot.waitSignal(panel.review_requested) as asked:
        press("Review…")
    assert asked.args == [Path(config.target)]
    resumed = []
    monkeypatch.setattr(batch, "resume", lambda folder: resumed.append(folder) or runs.attach(folder))
    press("Resume")
    assert resumed == [run.folder]


def test_it_fits_the_narrowest_panel_and_every_control_has_a_tooltip(panel):
    (area,) = [child for child in panel.findChildren(QScrollArea) if type(child).__name__ == "_Scroll"]
    panel.box._on_options()
    panel.box._kind.show()
    panel.box.boxes.show()
    assert area.widget().minimumSizeHint().width() <= 300 - area.verticalScrollBar().sizeHint().width()
    assert all(row.tooltip for row in panel.box.form)
