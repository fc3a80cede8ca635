"""Short work off the GUI thread that shows nothing: a look into a database, a folder that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_MS = 30


class Errand(QObject):
    """Does one thing at a time in a thread; the newest wins, the outcome of an older one is dropped.

    Parameters
    ----------
    failed : callable
        Told the MedkdError of work that went wrong, on the GUI thread.
    parent : QObject
        When it goes, nobody is told any more.
    """

    def __init__(self, failed: Callable[[MedkdError], None], parent: QObject) -> None:
        super().__init__(parent)
        self._failed = failed
        self._job: Job | None = None
        self._done: Callable[[Any], None] = lambda result: None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._on_tick)

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        return self._job is not None

    def start(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do `work` in a thread, then call `done` with its result."""
        self._job, self._done = Job(lambda progress: work()), done
        self._timer.start()

    def _on_tick(self) -> None:
        job = self._job
        if job is None or job.is_running:
            return
        self._timer.stop()
        self._job = None
        if isinstance(job.error, MedkdError):
            self._failed(job.error)
        elif job.error is not None:
            raise job.error
        else:
            self._done(job.result)
