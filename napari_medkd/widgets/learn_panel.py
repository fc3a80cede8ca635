"""The Learn tab: from corrections to a better model, and the decision to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medkd import runs
from napari_medkd.errors import MedkdError
from napari_medkd.widgets.corrections_box import CorrectionsBox
from napari_medkd.widgets.elsewhere_sheet import ElsewhereSheet
from napari_medkd.widgets.errand import Errand
from napari_medkd.widgets.history_box import HistoryBox
from napari_medkd.widgets.labels import Caption
from napari_medkd.widgets.method_box import MethodBox
from napari_medkd.widgets.run_monitor import RunMonitor
from napari_medkd.widgets.scroll import column, scrolled
from napari_medkd.widgets.training_box import TrainingBox, run_title
from napari_medkd.widgets.verdict_box import VerdictBox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from pydantic import BaseModel
    from qtpy.QtGui import QShowEvent

    from napari_medkd.learning import Decision, LearningRun
    from napari_medkd.settings import Settings
    from napari_medkd.widgets.learning import Choice, Learning, Outlook
    from napari_medkd.widgets.run_monitor import RunState

_GOING = ("running", "waiting")


class LearnPanel(QWidget):
    """Shows what was collected and learnt, and asks for more of it.

    Nothing here replaces a model by itself: `model_changed` follows a press on Use new or Roll back.

    Parameters
    ----------
    learning : Learning
        Trains; asked in threads, so that the window never waits.
    settings : Settings
        Whether corrections are collected, and by whom; edited in place and saved at once.
    corrections : Path
        Folder where this user's corrections are kept.
    choose_folder : callable
        Asks for an empty folder for a run that goes elsewhere; None where the user would rather not.
    """

    model_changed = Signal(object)  # Decision: the model that is in use since, and what for
    collecting_changed = Signal(object)  # Settings, already saved
    badge_changed = Signal(str)  # "Training 40 %"; empty while nothing is learnt

    def __init__(
        self,
        learning: Learning,
        settings: Settings,
        corrections: Path,
        choose_folder: Callable[[], Path | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._learning, self._choose_folder = learning, choose_folder
        self._outlook: Outlook | None = None
        self._started: dict[Path, runs.RunHandle] = {}  # whoever starts a process must see to its end
        self.monitor = RunMonitor(self)
        self.corrections = CorrectionsBox(settings, corrections)
        self.methods, self.history = MethodBox(), HistoryBox()
        self.training, self.verdict = TrainingBox(self.monitor), VerdictBox()
        self._problem = Caption()
        self._problem.hide()
        self._look = Errand(self.corrections.show_error, self)
        self._plan = Errand(self.methods.show_error, self)
        self._deed = Errand(self.show_error, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        boxes = (self.verdict, self.training, self.corrections, self.methods, self.history)
        layout.addWidget(scrolled(column(self._problem, *boxes)))
        self._connect()

    def refresh(self) -> None:
        """Look again at what was collected and learnt."""
        learner = self.methods.learner
        self._look.start(lambda: self._learning.outlook(learner), self._show)

    def show_error(self, error: MedkdError) -> None:
        """Show what went wrong at the top."""
        self._problem.setText(str(error))
        self._problem.show()

    def showEvent(self, event: QShowEvent) -> None:
        """Look again whenever the tab comes to the front."""
        super().showEvent(event)
        self.refresh()

    # --- showing ------------------------------------------------------------------------------------------
    def _show(self, outlook: Outlook) -> None:
        self._outlook = outlook
        learner = outlook.learner or outlook.model
        title = outlook.titles.get(learner, learner)
        self.corrections.show_settings()
        self.methods.set_learners(outlook.learners, learner)
        self.corrections.show_collected(outlook.collected, title)
        self.methods.set_choices(outlook.choices, outlook.obstacle)
        self.history.show_decisions(outlook.decisions, outlook.titles, outlook.previous)
        self._follow(outlook)
        self._judge(outlook)

    def _follow(self, outlook: Outlook) -> None:
        """Show the run that goes on, also one that another window started; the others stand in its queue."""
        going = [run for run in reversed(outlook.runs) if run.stand in _GOING]
        now = next((run for run in going if run.stand == "running"), next(iter(going), None))
        followed = self.monitor.handle
        if now is not None and (followed is None or followed.folder != now.handle.folder):
            self._take(now)
        elif now is None and followed is None and outlook.runs and outlook.runs[0].can_resume:
            self._take(outlook.runs[0])  # it ended while no window was there: says how, and how to go on
        self.training.show_queue([run for run in going if run is not now])

    def _take(self, run: LearningRun) -> None:
        self.training.show_run(run_title(run))
        self.monitor.follow(self._started.get(run.handle.folder) or runs.attach(run.handle.folder))

    def _judge(self, outlook: Outlook) -> None:
        """Offer the newest model that nobody decided about."""
        decided = [run.handle.folder for run in outlook.runs if run.stand == "finished" and run.decision]
        if self.monitor.handle is not None and self.monitor.handle.folder in decided:
            self.monitor.let_go()  # its curves have said what they had to
            self.training.hide()
        newest = next((run for run in outlook.runs if run.stand == "finished"), None)
        open_ = newest if newest is not None and not newest.decision else None
        try:
            self.verdict.show_run(open_, open_.comparison if open_ is not None else None, outlook.titles)
        except MedkdError as error:
            self.show_error(error)

    # --- asking -------------------------------------------------------------------------------------------
    def _connect(self) -> None:
        self.corrections.changed.connect(self.collecting_changed)
        self.methods.learner_changed.connect(self.refresh)
        self.methods.plan_wanted.connect(self._on_plan_wanted)
        self.methods.start_requested.connect(self._on_start)
        self.methods.command_requested.connect(self._on_command)
        self.methods.elsewhere_requested.connect(self._on_elsewhere)
        self.training.cancel_requested.connect(self._on_cancel)
        self.training.resume_requested.connect(self._on_resume)
        self.verdict.use_requested.connect(self._on_use)
        self.verdict.keep_requested.connect(self._on_keep)
        self.history.roll_back_requested.connect(self._on_roll_back)
        self.monitor.status_changed.connect(self._on_status)
        self.monitor.progressed.connect(self._on_progressed)

    def _do(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Have something done that the user asked for; one thing at a time."""
        if self._deed.is_busy:
            return
        self._problem.hide()
        self._deed.start(work, done)

    def _on_plan_wanted(self) -> None:
        choice = self.methods.choice
        config = self.methods.config
        if choice is not None and config is not None:
            self._plan.start(
                lambda: self._learning.plan(choice, config),
                lambda plan: self.methods.show_plan(plan, self.monitor.is_running),
            )

    def _on_start(self, choice: Choice, config: BaseModel) -> None:
        self._do(lambda: self._learning.start(choice, config), self._on_started)

    def _on_started(self, handle: runs.RunHandle) -> None:
        self._started[handle.folder] = handle
        self.refresh()

    def _on_resume(self, folder: Path) -> None:
        self._do(lambda: self._learning.resume(folder), self._on_resumed)

    def _on_resumed(self, handle: runs.RunHandle) -> None:
        self._started[handle.folder] = handle
        self.monitor.follow(handle)
        self.refresh()

    def _on_cancel(self, folder: Path) -> None:
        self._do(lambda: runs.attach(folder).stop(wait=1, grace=0.3), lambda _: self.refresh())

    def _on_command(self, choice: Choice, config: BaseModel) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._learning.command(choice, config))

    def _on_elsewhere(self, choice: Choice, config: BaseModel) -> None:
        folder = self._choose_folder()
        if folder is not None:
            self._do(lambda: self._learning.elsewhere(choice, config, folder), self._show_elsewhere)

    def _show_elsewhere(self, lines: list[str]) -> None:
        ElsewhereSheet(lines, self).show()

    def _on_use(self, folder: Path) -> None:
        self._do(lambda: self._learning.use_new(folder), self._on_model)

    def _on_keep(self, folder: Path) -> None:
        self._do(lambda: self._learning.keep_old(folder), lambda _: self.refresh())

    def _on_roll_back(self) -> None:
        self._do(self._learning.roll_back, self._on_model)

    def _on_model(self, decision: Decision) -> None:
        self.model_changed.emit(decision)
        self.refresh()

    def _on_status(self, status: str) -> None:
        if status == "running":
            self.badge_changed.emit("Training")
        else:
            self.badge_changed.emit("")
            self.refresh()

    def _on_progressed(self, state: RunState) -> None:
        if self.monitor.is_running and state.total:
            self.badge_changed.emit(f"Training {100 * state.step // state.total} %")
