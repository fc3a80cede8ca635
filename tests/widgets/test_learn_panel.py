"""The Learn tab with a made teacher: what it shows, what it asks for, and what it never does by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, Field
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit

from napari_medkd import runs
from napari_medkd.corrections.summary import ClassSummary
from napari_medkd.errors import StorageError
from napari_medkd.learning import Collected, Decision, LearningRun, Method
from napari_medkd.runs.comparison import Change, Comparison, Interval, Latency, SetComparison
from napari_medkd.runs.process import RunProcess
from napari_medkd.settings import Settings
from napari_medkd.widgets.comparison_sheet import ComparisonSheet
from napari_medkd.widgets.learn_panel import LearnPanel
from napari_medkd.widgets.learning import Choice, Outlook, Plan
from napari_medkd.widgets.table import Table

if TYPE_CHECKING:
    from pathlib import Path

QUICK = Method("quick", "Quick", "Teaches a part of it.", "refresh", 120, {})
KIND = Method("kind", "New kind", "Teaches a kind of image.", "esp-medsam", 480, {})
FULL = Method("full", "Full", "Teaches all of it.", "refresh", 480, {})
TITLES = {"old": "The old one", "new": "The new one"}


class Numbers(BaseModel):
    """Options of a recipe."""

    steps: int = Field(40, ge=1, le=100, title="Steps", description="Updates.")
    name: str = Field("new", title="Name", description="Chosen by itself.")


def change(before: float, after: float) -> Change:
    def interval(mean: float) -> Interval:
        return Interval(mean=mean, low=mean - 0.05, high=mean + 0.05)

    return Change(before=interval(before), after=interval(after), change=interval(after - before))


COMPARISON = Comparison(
    before="old",
    after="new",
    cap=10,
    sets=[
        SetComparison(
            name="your cases",
            kind="corrections",
            cases=6,
            objects=20,
            figures={"dice@1": change(0.6, 0.8), "noc85": change(5, 3)},
        ),
        SetComparison(
            name="replay",
            kind="replay",
            cases=40,
            objects=40,
            figures={"dice@1": change(0.9, 0.8)},
            parts={"carotid": change(0.9, 0.7), "nuclei": change(0.9, 0.9)},
        ),
    ],
    latency_before=Latency(encode=0.02, answer=0.01),
    latency_after=Latency(encode=0.04, answer=0.01),
    worst=[],
    seconds=3,
)


class School:
    """Trains by writing down that it was asked to."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.choices: list[Choice] = []
        self.runs: list[runs.RunHandle] = []
        self.decisions: list[Decision] = []
        self.failure: Exception | None = None
        self.collected = Collected(
            objects=12,
            images=9,
            cases=7,
            fresh=5,
            waiting=0,
            parts={"training": 5, "validation": 1, "held-out": 1},
            by_class=[
                ClassSummary(
                    label="vessel", cases=7, objects=12, dice_first=0.5, dice=0.8, clicks=2, seconds=9
                )
            ],
            by_case=[],
        )

    def outlook(self, learner: str = "") -> Outlook:
        found = tuple(self._stand(handle) for handle in reversed(self.runs))
        hidden = frozenset({"name"})
        choices = (Choice(QUICK, Numbers(), hidden), Choice(FULL, Numbers(steps=90), hidden))
        model = self.decisions[0].after if self.decisions else "old"
        previous = "old" if model == "new" else ""
        obstacle = self.collected.obstacle
        if learner == "looker":
            kinds = tuple((one.label, f"{one.label} ultrasound") for one in self.collected.by_class)
            choices = (Choice(KIND, Numbers(), hidden, learner, kinds, {"mr": "hippocampus"}),)
        offered = (("old", "The old one (answers clicks)"), ("looker", "The looker (looks)"))
        shown = (self.collected, choices, found, tuple(self.decisions), model, TITLES, previous, obstacle)
        return Outlook(*shown, learner or model, offered)

    def plan(self, choice: Choice, config: BaseModel) -> Plan:
        return Plan(seconds=100, memory_mb=1024, free_mb=4096)

    def start(self, choice: Choice, config: BaseModel) -> runs.RunHandle:
        if self.failure is not None:
            raise self.failure
        self.asked.append((choice.method.key, config))
        self.choices.append(choice)
        folder = runs.home() / f"learn-{len(self.runs)}"
        learning = runs.Learning(method=choice.method.key, against="old")
        runs.RunSpec(recipe="refresh", options={"title": "The new one"}, learning=learning).save(folder)
        tell(folder, runs.Started())
        RunProcess.of(os.getpid()).save(folder)
        self.runs.append(runs.attach(folder))
        return self.runs[-1]

    def resume(self, folder: Path) -> runs.RunHandle:
        self.asked.append("resume")
        RunProcess.of(os.getpid()).save(folder)
        return runs.attach(folder)

    def command(self, choice: Choice, config: BaseModel) -> str:
        return f"medkd learn start --method {choice.method.key}"

    def elsewhere(self, choice: Choice, config: BaseModel, folder: Path) -> list[str]:
        return [f"rsync {folder.name}"]

    def use_new(self, folder: Path) -> Decision:
        self.decisions.insert(0, Decision(action="use", run=folder.name, before="old", after="new"))
        return self.decisions[0]

    def keep_old(self, folder: Path) -> None:
        self.decisions.insert(0, Decision(action="keep", run=folder.name, before="old", after="old"))

    def roll_back(self) -> Decision:
        self.decisions.insert(0, Decision(action="roll back", before="new", after="old"))
        return self.decisions[0]

    def _stand(self, handle: runs.RunHandle) -> LearningRun:
        decided = {one.run: one.action for one in self.decisions if one.run}
        word = {"use": "used", "keep": "kept"}.get(decided.get(handle.id, ""), "")
        return LearningRun(handle, handle.status, "new", word)


def tell(folder: Path, *events: runs.Event) -> None:
    with runs.EventWriter(folder) as writer:
        for event in events:
            writer.write(event)


def end(folder: Path, *events: runs.Event) -> None:
    tell(folder, *events)
    (folder / "process.json").unlink()


@pytest.fixture
def school() -> School:
    return School()


@pytest.fixture
def tab(school, qtbot, tmp_path):
    panel = LearnPanel(school, Settings(), tmp_path / "corrections", lambda: tmp_path / "learn-7")
    qtbot.addWidget(panel)
    panel.resize(324, 900)
    panel.show()
    qtbot.waitUntil(lambda: "about 2 minutes" in panel.methods.text)
    yield panel
    panel.monitor.let_go()


def press(qtbot, button, panel, name: str) -> None:
    found = button(panel, name)
    assert found.isEnabled(), name
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def finished(school: School, qtbot, tab, button) -> Path:
    """Start a run and let it come to its comparison."""
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: tab.monitor.is_running)
    folder = school.runs[0].folder
    (folder / "comparison.json").write_text(COMPARISON.model_dump_json())
    end(folder, runs.Finished())
    qtbot.waitUntil(tab.verdict.isVisible)
    return folder


def test_it_says_what_was_collected_and_what_learning_takes(tab):
    assert "12 objects on 9 slices of 7 cases; 5 new to The old one" in tab.corrections.text
    assert tab.corrections.rows == [["vessel", "7", "12", "0.50 → 0.80"]]
    assert "1.0 GB of memory of the 4.0 GB that are free" in tab.methods.text
    assert not tab.training.isVisible() and not tab.verdict.isVisible() and not tab.history.isVisible()


def test_before_the_first_run_the_time_is_that_of_other_computers(tab):
    tab.methods.show_plan(Plan(120, free_mb=900, is_known=False), False)
    assert "about 2 minutes on two cores without a GPU" in tab.methods.text


def test_what_is_no_stage_of_training_is_said_and_shows_no_old_figures(tab, school, qtbot, button):
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: tab.monitor.is_running)
    folder = school.runs[0].folder
    tell(
        folder,
        runs.Stage(name="learning", index=1, count=2, steps=10),
        runs.Metric(stage="learning", step=10, values={"loss": 0.4}),
        runs.Progress(stage="comparison", step=1, total=4),
    )
    qtbot.waitUntil(lambda: "Comparing both models: 1 of 4" in tab.training.text)
    assert "loss" not in tab.training.text and "(2 of 2)" not in tab.training.text


def test_the_switch_is_off_until_it_is_pressed_and_is_kept(tab, qtbot):
    switch = tab.corrections.findChild(QCheckBox)
    assert not switch.isChecked()
    with qtbot.waitSignal(tab.collecting_changed):
        qtbot.mouseClick(switch, Qt.MouseButton.LeftButton, pos=switch.rect().center() / 4)
    assert Settings.load().collect_corrections
    field = tab.corrections.findChild(QLineEdit)
    qtbot.keyClicks(field, "reader 2")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert Settings.load().annotator == "reader 2"


def test_nothing_collected_is_a_sentence_and_no_start(tab, school, qtbot, button):
    school.collected = school.collected.model_copy(update={"objects": 0})
    tab.refresh()
    qtbot.waitUntil(lambda: "Nothing has been collected yet" in tab.methods.text)
    assert not button(tab, "Start").isEnabled()


def test_options_reach_the_run_and_curves_grow(tab, school, qtbot, button):
    press(qtbot, button, tab, "Options ▸")
    (steps,) = [row for row in tab.methods.form if row.name == "steps"]
    assert "name" not in [row.name for row in tab.methods.form]
    steps.value = 7
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: tab.monitor.is_running)
    assert school.asked == [("quick", Numbers(steps=7))]
    folder = school.runs[0].folder
    badges = []
    tab.badge_changed.connect(badges.append)
    tell(
        folder,
        runs.Stage(name="one", index=0, count=2, steps=10),
        runs.Metric(stage="one", step=5, values={"loss": 0.9, "planned_mb": 80}),
        runs.Stage(name="two", index=1, count=2, steps=10),
        runs.Metric(stage="two", step=5, values={"loss": 0.4, "held_out_first_iou": 0.7}),
        runs.Progress(stage="two", step=5, total=10, seconds_left=9),
    )
    qtbot.waitUntil(lambda: "5 of 10" in tab.training.text)
    assert tab.training.curves.loss.lines["loss"].steps == [5, 15]
    assert tab.training.curves.overlap.lines["first click"].values == [0.7]
    assert badges[-1] == "Training 50 %"


def test_a_model_that_looks_is_taught_a_kind_that_is_named(tab, school, qtbot, button):
    assert not tab.methods.kind.isVisible()
    (combo,) = [one for one in tab.findChildren(QComboBox) if one.accessibleName() == "Which model learns"]
    assert combo.isVisible() and combo.currentData() == "old"
    choose(combo, 1)
    qtbot.waitUntil(tab.methods.kind.isVisible)
    assert "It knows mr." in tab.methods.text
    field = tab.methods.kind.findChild(QLineEdit)
    assert field.text() == "vessel ultrasound"
    field.selectAll()
    qtbot.keyClicks(field, "MR")
    assert "looks for hippocampus there, which is not taught again" in tab.methods.text
    field.selectAll()
    qtbot.keyClicks(field, "Carotid ")
    tab.refresh()  # what was typed stays
    qtbot.waitUntil(lambda: "about 2 minutes" in tab.methods.text)
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: tab.monitor.is_running)
    (choice,) = school.choices
    assert (choice.learner, choice.label, choice.kind) == ("looker", "vessel", "carotid")


def choose(combo, place):
    """Choose an entry as a user does."""
    combo.setCurrentIndex(place)
    combo.activated.emit(place)


def test_the_sheet_of_a_kind_says_what_is_suggested_and_what_is_taken_for_it(qtbot, tmp_path):
    sets = [
        SetComparison(name="own", kind="corrections", cases=5, objects=5, figures={
            "dice@1": change(0.1, 0.8), "taken": change(0, 1)}),
        SetComparison(name="known", kind="replay", cases=20, objects=20, figures={
            "dice@1": change(0.8, 0.8), "taken": change(0, 0.05)}),
    ]  # fmt: skip
    found = COMPARISON.model_copy(update={"sets": sets, "prompts": "auto", "kind": "carotid"})
    said = " ".join(found.sentences)
    assert "what it suggests has Dice 0.800 instead of 0.100: better" in said
    assert "takes 5 of 5 images for carotid" in said
    assert "takes 1 of these for carotid; what it answers to the others is the same to the bit" in said
    sheet = ComparisonSheet(found, tmp_path, "old", "new")
    qtbot.addWidget(sheet)
    own, replay, _ = sheet.findChildren(Table)
    assert [row[0] for row in own.texts] == ["Dice", "Taken for it"]
    red = replay.model().index(1, 3).data(Qt.ItemDataRole.ForegroundRole).name()
    green = own.model().index(1, 3).data(Qt.ItemDataRole.ForegroundRole).name()
    assert (green, red) == ("#3da35d", "#d9534f")


def test_a_second_run_queues_and_can_be_taken_out(tab, school, qtbot, button):
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: button(tab, "Start").text() == "Queue")
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: len(school.runs) == 2)
    tab.refresh()
    qtbot.waitUntil(tab.training._queue.isVisible)
    with qtbot.waitSignal(tab.training.cancel_requested):
        press(qtbot, button, tab, "Cancel run 1 of the queue")


def test_a_run_that_cannot_start_says_why(tab, school, qtbot, button):
    school.failure = StorageError("The disk is full.", "Free some space.")
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: tab._problem.text() == "The disk is full. Free some space.")


def test_the_new_model_is_used_when_the_user_says_so_and_not_before(tab, school, qtbot, button):
    models = []
    tab.model_changed.connect(models.append)
    finished(school, qtbot, tab, button)
    assert "0.800 instead of 0.600: better" in tab.verdict.text and not models
    press(qtbot, button, tab.verdict, "Use new")
    qtbot.waitUntil(lambda: [one.after for one in models] == ["new"])
    qtbot.waitUntil(tab.history.isVisible)
    assert tab.history.rows[0][:2] == ["The new one", "used"] and not tab.verdict.isVisible()
    press(qtbot, button, tab, "Roll back")
    qtbot.waitUntil(lambda: [one.after for one in models] == ["new", "old"])
    qtbot.waitUntil(lambda: len(tab.history.rows) == 2)
    assert not button(tab, "Roll back").isEnabled()


def test_the_sheet_shows_a_fall_in_red_and_keeps_the_old_one(tab, school, qtbot, button):
    models = []
    tab.model_changed.connect(models.append)
    finished(school, qtbot, tab, button)
    press(qtbot, button, tab.verdict, "Compare…")
    (sheet,) = tab.verdict.findChildren(ComparisonSheet)
    own, replay, latency = sheet.findChildren(Table)
    assert own.texts == [
        ["Dice, 1 click", "0.600", "0.800", "+0.200 (+0.150 to +0.250)"],
        ["Clicks to 85 %", "5.0", "3.0", "−2.0 (−2.0 to −1.9)"],
    ]
    assert [row[:3] for row in replay.texts[1:]] == [
        ["Dice, 1 click: carotid", "0.900", "0.700"],
        ["Dice, 1 click: nuclei", "0.900", "0.900"],
    ]
    colours = [
        table.model().index(0, 3).data(Qt.ItemDataRole.ForegroundRole).name()
        for table in (own, replay, latency)
    ]
    assert colours == ["#3da35d", "#d9534f", "#d9534f"]
    press(qtbot, button, sheet, "Keep old")
    qtbot.waitUntil(lambda: school.decisions and not tab.verdict.isVisible())
    assert school.decisions[0].action == "keep" and not models


def test_a_run_of_an_earlier_window_is_taken_up(tab, school, qtbot, button, tmp_path):
    press(qtbot, button, tab, "Start")
    qtbot.waitUntil(lambda: tab.monitor.is_running)
    tab.monitor.let_go()  # the window is closed, the run goes on
    tell(school.runs[0].folder, runs.Stage(name="one", index=0, count=1, steps=10))
    later = LearnPanel(school, Settings(), tmp_path, lambda: None)
    qtbot.addWidget(later)
    later.refresh()
    qtbot.waitUntil(lambda: "One" in later.training.text)
    end(school.runs[0].folder)
    qtbot.waitUntil(lambda: "gone without a word" in later.training.text)
    later.show()
    press(qtbot, button, later, "Go on with it")
    qtbot.waitUntil(lambda: later.monitor.is_running)
    later.monitor.let_go()


def test_the_command_is_copied_and_the_way_elsewhere_shown(tab, qtbot, button):
    press(qtbot, button, tab, "Copy as command")
    assert QGuiApplication.clipboard().text() == "medkd learn start --method quick"
    press(qtbot, button, tab, "On another computer…")
    qtbot.waitUntil(lambda: any(type(w).__name__ == "ElsewhereSheet" for w in tab.children()))
    (sheet,) = [w for w in tab.children() if type(w).__name__ == "ElsewhereSheet"]
    assert "rsync learn-7" in sheet._commands.toPlainText()
    sheet.close()


def test_the_tab_fits_the_narrowest_panel(tab):
    from qtpy.QtWidgets import QScrollArea

    (area,) = [child for child in tab.findChildren(QScrollArea) if type(child).__name__ == "_Scroll"]
    assert area.widget().minimumSizeHint().width() <= 300 - area.verticalScrollBar().sizeHint().width()
