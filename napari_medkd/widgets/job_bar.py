"""A progress bar with Cancel for one job at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.job import Job
from napari_medkd.widgets.labels import SPACING, Caption
from napari_medkd.widgets.progress import ProgressBar
from napari_medkd.widgets.sentences import file_size

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_MS = 100


class JobBar(QWidget):
    """Runs a job and shows how far it is; then hidden, unless there is a last word about a failure."""

    finished = Signal()  # done, failed or cancelled

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._name = ""
        running: list[Job] = []  # outlives this object for the sake of `destroyed`
        self._running = running
        self._done: Callable[[Any], None] = lambda result: None
        self._title = Caption()
        self._bar = ProgressBar()
        self._cancel = PanelButton("Cancel", "Stop; what was done so far is kept where it can be resumed.")
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._title)
        layout.addLayout(row)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._on_tick)
        self._cancel.clicked.connect(self._on_cancel)
        self.destroyed.connect(lambda *_: _cancel_all(running))
        self.hide()

    @property
    def is_busy(self) -> bool:
        """Whether a job is running."""
        return self._job is not None

    @property
    def text(self) -> str:
        """What stands over the bar."""
        return str(self._title.text())

    def start(
        self, title: str, work: Callable[[Callable[[int, int], None]], Any], done: Callable[[Any], None]
    ) -> None:
        """Run `work`, then call `done` with its result, unless it failed or was cancelled."""
        self._job, self._name, self._done = Job(work), title, done
        self._running.append(self._job)
        self._show_bar(True)
        self._bar.show_share(0, 0)
        self._title.setText(f"{title}…")
        self.show()
        self._timer.start()

    def say(self, sentence: str) -> None:
        """Show a sentence without a bar; an empty one hides everything."""
        self._show_bar(False)
        self._title.setText(sentence)
        self.setVisible(bool(sentence))

    def _show_bar(self, visible: bool) -> None:
        self._bar.setVisible(visible)
        self._cancel.setVisible(visible)
        self._cancel.setEnabled(True)

    def _on_tick(self) -> None:
        job = self._job
        if job is None:
            return
        if not job.is_running:
            self._finish(job)
        elif job.total > 0:
            self._bar.show_share(job.done, job.total)
            if not job.was_cancelled:
                self._title.setText(f"{self._name}: {_amount(job)}")

    def _finish(self, job: Job) -> None:
        self._timer.stop()
        self._job = None
        self._running.remove(job)
        self.finished.emit()
        if isinstance(job.error, MedkdError):
            self.say(str(job.error))
        elif job.error is not None:
            self.say(f"{self._name} failed: {job.error}")
            raise job.error
        elif job.was_cancelled:
            self.say(f"{self._name}: cancelled.")
        else:
            self.say("")
            self._done(job.result)

    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._cancel.setEnabled(False)
            self._title.setText(f"{self._name}: stopping…")


def _cancel_all(jobs: list[Job]) -> None:
    for job in jobs:
        job.cancel()


def _amount(job: Job) -> str:
    if job.total < 1_000_000:  # steps rather than bytes
        return f"{100 * job.done // job.total} %"
    return f"{file_size(job.done) or '0 MB'} of {file_size(job.total)}"
