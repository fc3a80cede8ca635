"""Long work off the GUI thread, looked at from it by a timer: no Qt object ever crosses a thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancelled(Exception):
    """Raised inside the work, by its `progress`, once the user has cancelled."""


class Job:
    """One piece of work in a thread of its own.

    Parameters
    ----------
    work : callable
        Called with `progress(done, total)`, which raises `Cancelled` once `cancel` was called.
    """

    def __init__(self, work: Callable[[Callable[[int, int], None]], Any]) -> None:
        self.done, self.total = 0, 0
        self.result: Any = None
        self.error: Exception | None = None
        self._work = work
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="medkd-job", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the work goes on."""
        return self._thread.is_alive()

    @property
    def was_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next word of progress."""
        self._cancelled.set()

    def _run(self) -> None:
        try:
            self.result = self._work(self._progress)
        except Cancelled:
            pass
        except Exception as error:
            self.error = error  # the owner shows it, or raises it on its own thread

    def _progress(self, done: int, total: int) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        self.done, self.total = done, total
