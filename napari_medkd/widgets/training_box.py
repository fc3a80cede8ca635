"""The run that goes on: how far it is, its curves, what its model says meanwhile, and the runs after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_medkd.runs import events
from napari_medkd.widgets.buttons import IconButton, LinkButton
from napari_medkd.widgets.labels import SPACING, OneLine, Section
from napari_medkd.widgets.previews import Previews
from napari_medkd.widgets.run_bar import RunBar
from napari_medkd.widgets.run_curves import RunCurves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.learning import LearningRun
    from napari_medkd.widgets.run_monitor import RunMonitor

_CANCEL = "Stop it: within two seconds, at a checkpoint where there is time for one. Nothing else is touched."
_PATIENCE_MS = 1000  # for a checkpoint; then its process is ended, so that it is over within two seconds
_RESUMABLE = ("stopped", "crashed", "failed")


class TrainingBox(Section):
    """Shows the run that a monitor follows; hidden while there is none.

    Parameters
    ----------
    monitor : RunMonitor
        Follows the run that is shown.
    """

    cancel_requested = Signal(object)  # Path of a run that waits
    resume_requested = Signal(object)  # Path

    def __init__(self, monitor: RunMonitor, parent: QWidget | None = None) -> None:
        super().__init__("Training", parent)
        self._monitor = monitor
        self._title = OneLine()
        self._bar = RunBar(
            monitor, _CANCEL, word="Cancel", end_after_ms=_PATIENCE_MS, tells_figures=False
        )  # the curves tell them
        self.curves = RunCurves(monitor)
        self.previews = Previews()
        self._resume = LinkButton(
            "Go on with it", "Start the run again; it goes on from its last checkpoint."
        )
        self._resume.hide()
        self._queue = QWidget()
        layout = QVBoxLayout(self._queue)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self._title, self._bar, self._resume, self.curves, self.previews, self._queue):
            self.body.addWidget(widget)
        self._queue.hide()
        self._resume.clicked.connect(self._on_resume)
        monitor.status_changed.connect(self._on_status)
        monitor.event_received.connect(self._on_event)
        self.hide()

    @property
    def text(self) -> str:
        """What is said of the run."""
        return f"{self._title.text()} {self._bar.text}".strip()

    def show_run(self, title: str) -> None:
        """Begin to show a run, before the monitor follows it."""
        self._title.setText(title)
        self.curves.clear()
        self.previews.clear()
        self.show()

    def show_queue(self, waiting: Sequence[LearningRun]) -> None:
        """List the runs that come after this one."""
        layout = self._queue.layout()
        assert layout is not None
        while (item := layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for number, run in enumerate(waiting, start=1):
            layout.addWidget(self._row(number, run))
        self._queue.setVisible(bool(waiting))

    def _row(self, number: int, run: LearningRun) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        remove = IconButton("remove", f"Cancel run {number} of the queue", "Take this run out of the queue.")
        remove.clicked.connect(lambda *_, folder=run.handle.folder: self.cancel_requested.emit(folder))
        layout.addWidget(OneLine(f"Then: {run_title(run)}"), 1)
        layout.addWidget(remove)
        return row

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Previewed) and self._monitor.handle is not None:
            self.previews.add(self._monitor.handle.folder / event.path, event.step)

    def _on_status(self, status: str) -> None:
        self._resume.setVisible(status in _RESUMABLE)

    def _on_resume(self) -> None:
        if self._monitor.handle is not None:
            self.resume_requested.emit(self._monitor.handle.folder)


def run_title(run: LearningRun) -> str:
    """Return what a run is called: the title of its model, and how it learns."""
    spec = run.handle.spec
    title = str(spec.options.get("title") or run.model)
    return f"{title} ({spec.learning.method})" if spec.learning is not None else title
