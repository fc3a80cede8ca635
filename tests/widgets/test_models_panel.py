from __future__ import annotations

import threading
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QProgressBar

from napari_medkd.errors import ModelUnavailable
from napari_medkd.settings import Settings
from napari_medkd.widgets import ModelRow, ModelsPanel
from napari_medkd.widgets.job_bar import JobBar
from napari_medkd.widgets.model_list import ModelList, facts
from napari_medkd.widgets.models_panel import licence_question

LEFT = Qt.MouseButton.LeftButton
SMALL = ModelRow("small", "Small", frozenset({"box"}), "Apache-2.0", installed=True, size=39_000_000)
OWN = ModelRow("own", "Own", frozenset({"box", "point"}), installed=True, can_prepare=True, can_remove=True)
LARGE = ModelRow("large", "Large", frozenset({"point"}), "CC-BY-NC", False, size=375_000_000)


class Shelf:
    """Models in a list; `gate` holds a fetch until it is set, `failure` is raised by everything."""

    def __init__(self) -> None:
        self.rows = [LARGE, SMALL, OWN]
        self.done: list[tuple[str, object]] = []
        self.gate = threading.Event()
        self.started = threading.Event()
        self.failure: Exception | None = None

    def list_models(self):
        return self.rows

    def fetch(self, model_id, progress):
        progress(100_000_000, 375_000_000)
        self.started.set()
        while not self.gate.wait(0.005):
            progress(100_000_000, 375_000_000)
        self._do("fetch", model_id)
        self.rows = [SMALL, OWN, ModelRow("large", "Large", installed=True)]

    def add(self, path, progress):
        self._do("add", path)
        return "own"

    def prepare(self, model_id, progress):
        self._do("prepare", model_id)

    def remove(self, model_id):
        self._do("remove", model_id)

    def _do(self, what, which):
        if self.failure is not None:
            raise self.failure
        self.done.append((what, which))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def models(shelf, answers, tmp_path, qtbot):
    panel = ModelsPanel(
        shelf, Settings(default_model="small"), {"Models": tmp_path}, asker=answers,
        choose_file=lambda: Path("somewhere/mine.pth"),
    )  # fmt: skip
    qtbot.addWidget(panel)
    panel.resize(324, 900)
    panel.show()
    yield panel
    shelf.gate.set()
    qtbot.waitUntil(lambda: not panel.findChild(JobBar).is_busy)


def select(panel, model_id: str) -> None:
    models = panel.findChild(ModelList)
    for row in range(models.count()):
        models.setCurrentRow(row)
        if models.chosen.id == model_id:
            return
    raise AssertionError(model_id)


def texts(panel) -> str:
    return "\n".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def offered(panel) -> set[str]:
    from napari_medkd.widgets.buttons import PanelButton
    from napari_medkd.widgets.model_card_box import ModelCardBox

    return {
        button.accessibleName()
        for button in panel.findChild(ModelCardBox).findChildren(PanelButton)
        if button.isVisible()
    }


def test_installed_models_come_first(models):
    listed = models.findChild(ModelList)
    assert [listed.item(row).text() for row in range(3)] == ["Small", "Own", "Large"]


def test_only_what_makes_sense_is_offered(models):
    models.set_current("small")
    select(models, "small")
    assert offered(models) == set()
    select(models, "own")
    assert offered(models) == {"Use", "Make default", "Prepare", "Remove…"}
    select(models, "large")
    assert offered(models) == {"Download…"}


def test_a_model_is_used(models, qtbot, button):
    select(models, "own")
    with qtbot.waitSignal(models.model_chosen) as chosen:
        qtbot.mouseClick(button(models, "Use"), LEFT)
    assert chosen.args == ["own"]


def test_enter_in_the_list_uses_a_model(models, qtbot):
    select(models, "own")
    with qtbot.waitSignal(models.model_chosen) as chosen:
        qtbot.keyClick(models.findChild(ModelList), Qt.Key.Key_Return)
    assert chosen.args == ["own"]
    select(models, "large")
    with qtbot.assertNotEmitted(models.model_chosen):
        qtbot.keyClick(models.findChild(ModelList), Qt.Key.Key_Return)


def test_the_default_is_saved(models, qtbot, button):
    select(models, "own")
    with qtbot.waitSignal(models.settings_changed):
        qtbot.mouseClick(button(models, "Make default"), LEFT)
    assert Settings.load().default_model == "own"
    assert offered(models) == {"Use", "Prepare", "Remove…"}


def test_a_download_shows_licence_then_progress_then_the_model(models, shelf, answers, qtbot, button):
    select(models, "large")
    with qtbot.waitSignal(models.models_changed):
        qtbot.mouseClick(button(models, "Download…"), LEFT)
        assert answers.asked == [licence_question(LARGE)]
        bar = models.findChild(QProgressBar)
        qtbot.waitUntil(lambda: bar.value() > 0)
        assert bar.value() == round(1000 * 100 / 375)
        assert "Downloading Large: 100 MB of 375 MB" in texts(models)
        assert not button(models, "Add from file…").isEnabled()
        shelf.gate.set()
    assert shelf.done == [("fetch", "large")]
    assert offered(models) == {"Use", "Make default"}
    assert not bar.isVisible()


def test_a_licence_that_is_not_accepted_downloads_nothing(models, shelf, answers, qtbot, button):
    answers.yes = False
    select(models, "large")
    qtbot.mouseClick(button(models, "Download…"), LEFT)
    assert not models.findChild(JobBar).is_busy
    assert not shelf.started.is_set()


def test_a_download_is_cancelled(models, shelf, qtbot, button):
    select(models, "large")
    qtbot.mouseClick(button(models, "Download…"), LEFT)
    qtbot.mouseClick(button(models, "Cancel"), LEFT)
    job = models.findChild(JobBar)
    qtbot.waitUntil(lambda: not job.is_busy)
    assert job.text == "Downloading Large: cancelled."
    assert shelf.done == []
    assert button(models, "Download…").isEnabled()


def test_a_failure_is_a_sentence(models, shelf, qtbot, button):
    shelf.failure = ModelUnavailable("The server does not answer.", "Try again later.")
    select(models, "large")
    shelf.gate.set()
    qtbot.mouseClick(button(models, "Download…"), LEFT)
    job = models.findChild(JobBar)
    qtbot.waitUntil(lambda: not job.is_busy)
    assert job.text == "The server does not answer. Try again later."
    assert button(models, "Download…").isEnabled()


def test_destroying_the_panel_stops_its_download(shelf, answers, tmp_path, qapp, button, qtbot):
    from tests.widgets.test_public_widgets import destroy

    panel = ModelsPanel(shelf, Settings(), {"Models": tmp_path}, asker=answers)
    panel.show()
    select(panel, "large")
    qtbot.mouseClick(button(panel, "Download…"), LEFT)
    assert shelf.started.wait(5)
    before = threading.enumerate()
    destroy(panel)
    for thread in before:
        if thread.name == "medkd-job":
            thread.join(5)
            assert not thread.is_alive()
    assert shelf.done == []


def test_models_are_added_prepared_and_removed(models, shelf, answers, qtbot, button):
    with qtbot.waitSignal(models.models_changed):
        qtbot.mouseClick(button(models, "Add from file…"), LEFT)
    select(models, "own")
    with qtbot.waitSignal(models.models_changed):
        qtbot.mouseClick(button(models, "Prepare"), LEFT)
    with qtbot.waitSignal(models.models_changed):
        qtbot.mouseClick(button(models, "Remove…"), LEFT)
    assert shelf.done == [("add", Path("somewhere/mine.pth")), ("prepare", "own"), ("remove", "own")]
    assert answers.asked == ["Delete the files of Own from this computer?"]


def test_a_refused_removal_is_a_sentence(models, shelf, qtbot, button):
    shelf.failure = ModelUnavailable("It is in use.")
    select(models, "own")
    qtbot.mouseClick(button(models, "Remove…"), LEFT)
    assert "It is in use." in texts(models)


def test_settings_change_on_apply(models, qtbot, button):
    box = models._settings_box
    assert not button(models, "Apply").isEnabled()
    box.form["threads"].value = 3
    with qtbot.waitSignal(models.settings_changed) as changed:
        qtbot.mouseClick(button(models, "Apply"), LEFT)
    assert changed.args[0].threads == 3 == Settings.load().threads
    box.form["threads"].value = 5
    qtbot.mouseClick(button(models, "Revert"), LEFT)
    assert box.form["threads"].value == 3
    assert not button(models, "Apply").isEnabled()


def test_facts_are_short_and_licences_are_plain():
    assert facts(SMALL) == "Installed · 39 MB · box"
    assert facts(LARGE) == "To download · 375 MB · point"
    assert "CC-BY-NC. It does not allow commercial use." in licence_question(LARGE)
    assert "no licence" in licence_question(OWN)


def test_folders_are_opened_at_what_exists(models, tmp_path, qtbot, button, monkeypatch):
    from qtpy.QtGui import QDesktopServices

    from napari_medkd.widgets.storage_box import open_folder

    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(Path(url.toLocalFile())))
    qtbot.mouseClick(button(models, "Open Models"), LEFT)
    open_folder(tmp_path / "not" / "yet")
    assert opened == [tmp_path, tmp_path]
