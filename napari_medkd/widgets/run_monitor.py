"""A run followed from the GUI: a timer reads its folder, Qt signals say what is new there.

The run lives in a process of its own. A monitor that goes away, or a window that is closed, does nothing to
it; another monitor takes up the same folder later and hears everything from the first event on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medkd import runs
from napari_medkd.runs import events
from napari_medkd.widgets.job import Job

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_MS = 500  # each look that finds something has the window drawn once
_BYTES = (
    2**17
)  # of events at a look: a few milliseconds, so a long run is caught up with while the window lives


@dataclass(frozen=True, slots=True)
class RunState:
    """How far a run has come, as its events say.

    Parameters
    ----------
    stage : str
        Name of the stage; empty before the first.
    index, count : int
        Its number from 0, and how many there are.
    step, total : int
        Steps of it that are done, of how many; a total of 0 is not known.
    seconds_left : float or None
        Estimate for the stage.
    values : dict
        The newest figures of the stage.
    doing : str
        What it is at, where that is no stage of training: ``comparison``, for one.
    """

    stage: str = ""
    index: int = 0
    count: int = 1
    step: int = 0
    total: int = 0
    seconds_left: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    doing: str = ""

    def after(self, event: events.Event) -> RunState:
        """Return the state after one more event."""
        if isinstance(event, events.Started):
            return RunState()
        if isinstance(event, events.Stage):
            return RunState(event.name, event.index, event.count, 0, event.steps)
        if isinstance(event, events.Progress):
            doing = event.stage if event.stage != self.stage else ""
            values = {} if doing else self.values
            return replace(
                self,
                step=event.step,
                total=event.total,
                seconds_left=event.seconds_left,
                values=values,
                doing=doing,
            )
        if isinstance(event, events.Metric):
            return replace(self, values=self.values | event.values)
        return self


class RunMonitor(QObject):
    """Follows one run at a time.

    Parameters
    ----------
    parent : QObject, optional
        The monitor goes with it; the run does not.
    """

    event_received = Signal(object)  # Event: each one, oldest first
    progressed = Signal(object)  # RunState: once a look at which something was new
    status_changed = Signal(str)  # running, then finished, failed, stopped or crashed, after the last event

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.handle: runs.RunHandle | None = None
        self.state = RunState()
        self.status: runs.Status | None = None
        self.failure: events.Failed | None = None
        self.summary: dict[str, float] = {}
        self._ending: Job | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def is_running(self) -> bool:
        """Whether the run works on, as of the last look."""
        return self.status == "running"

    @property
    def is_stopping(self) -> bool:
        """Whether the run was asked to stop and has not ended yet."""
        return self.is_running and self.handle is not None and runs.stop_requested(self.handle.folder)

    def follow(self, handle: runs.RunHandle) -> None:
        """Follow a run from its first event; what was followed before goes on unseen."""
        self.let_go()
        self.handle, self.status = handle, "running"
        self.status_changed.emit("running")
        self._timer.start()
        self.look()

    def attach(self, folder: Path) -> None:
        """Follow a run that another process may have started.

        Raises
        ------
        UnreadableFile
            There is no run in the folder.
        """
        self.follow(runs.attach(folder))

    def request_stop(self) -> None:
        """Ask the run to end at its next step; what it did is kept.

        Raises
        ------
        StorageError
            The folder of the run cannot be written.
        """
        if self.is_running and self.handle is not None:
            runs.request_stop(self.handle.folder)

    def end_now(self, grace: float = 2.0) -> None:
        """End the processes of the run without waiting for their next step.

        They are asked to terminate, and killed after `grace` seconds.
        """
        if (
            self.is_running
            and self.handle is not None
            and (self._ending is None or not self._ending.is_running)
        ):
            folder = self.handle.folder
            self._ending = Job(lambda progress: runs.attach(folder).stop(wait=0, grace=grace))

    def let_go(self) -> None:
        """Follow nothing any more; the run goes on."""
        self._timer.stop()
        self.handle = self.status = self.failure = None
        self.state, self.summary = RunState(), {}

    def look(self) -> None:
        """Read what is new; a timer calls it while a run is followed."""
        handle = self.handle
        if handle is None:
            return
        status = handle.status  # before the events: what was written last is among them then
        new = handle.poll(_BYTES)
        for event in new:
            self._take(event)
            self.event_received.emit(event)
        if self.handle is not handle:  # whoever heard an event follows another run
            return
        if new:
            self.progressed.emit(self.state)
        elif status != "running":
            self._timer.stop()
            self.status = status
            self.status_changed.emit(status)

    def _take(self, event: events.Event) -> None:
        self.state = self.state.after(event)
        if isinstance(event, events.Started):
            self.failure, self.summary = None, {}
        elif isinstance(event, events.Failed):
            self.failure = event
        elif isinstance(event, events.Finished):
            self.summary = event.summary
