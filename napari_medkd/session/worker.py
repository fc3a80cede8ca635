"""Where the model runs: one thread that answers the newest request of the most urgent kind."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Kind(IntEnum):
    """What a request is for; the smallest number goes first."""

    ANSWER = 0
    FORESEE = 1
    PREVIEW = 2
    CUT = 3
    ENCODE = 4
    SWEEP = 5
    LOOK = 6
    MEASURE = 7
    COUNT = 8
    AHEAD = 9


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Work for the thread, and who wants its result (or the exception that it raised)."""

    number: int
    kind: Kind
    work: Callable[[], Any]
    done: Callable[[Any], None]

    def run(self) -> Any:
        """Do the work; an exception is a result like any other."""
        try:
            return self.work()
        except Exception as error:
            return error


class Worker(Protocol):
    """Runs requests; results come back on the thread of the owner, superseded ones never."""

    @property
    def works_ahead(self) -> bool:
        """Whether it can work while nobody waits for it."""
        ...

    def submit(self, kind: Kind, work: Callable[[], Any], done: Callable[[Any], None]) -> int:
        """Ask for `work` on the model's thread and `done(result)` on the owner's; returns a number.

        It supersedes every earlier request of its kind: those still queued are dropped, and the result of
        one that is running is thrown away.
        """
        ...

    def cancel(self, kind: Kind) -> None:
        """Drop what is queued of a kind and throw away the result of what is running."""
        ...

    def close(self) -> None:
        """Let the thread end; calling twice is harmless."""
        ...


class RequestQueue:
    """The newest request of each kind, handed out by urgency. Safe to use from several threads."""

    def __init__(self) -> None:
        self._queued: dict[Kind, Request] = {}
        self._newest: dict[Kind, int] = {}
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, kind: Kind, work: Callable[[], Any], done: Callable[[Any], None]) -> int:
        """Queue a request in place of the one of its kind; returns its number."""
        with self._changed:
            self._count += 1
            self._newest[kind] = self._count
            self._queued[kind] = Request(self._count, kind, work, done)
            self._changed.notify()
            return self._count

    def cancel(self, kind: Kind) -> None:
        """Forget the request of a kind, queued or running."""
        with self._changed:
            self._queued.pop(kind, None)
            self._newest.pop(kind, None)

    def take(self, wait: bool = False) -> Request | None:
        """Hand out the most urgent request; None where there is none, or, waiting, after `close`."""
        with self._changed:
            while wait and not self._queued and not self._closed:
                self._changed.wait()
            if self._closed or not self._queued:
                return None
            return self._queued.pop(min(self._queued))

    def is_current(self, request: Request) -> bool:
        """Tell whether nobody superseded or cancelled `request`."""
        return not self._closed and self._newest.get(request.kind) == request.number

    def close(self) -> None:
        """Drop everything and wake whoever waits."""
        with self._changed:
            self._closed = True
            self._queued.clear()
            self._changed.notify_all()


class ThreadWorker:
    """One daemon thread, started at the first request.

    Parameters
    ----------
    dispatch : callable
        Calls its argument on the owner's thread, soon: queued to the GUI's event loop in a viewer.
    """

    works_ahead = True

    def __init__(self, dispatch: Callable[[Callable[[], None]], object]) -> None:
        self._dispatch = dispatch
        self._queue = RequestQueue()
        self._thread = threading.Thread(target=self._serve, name="medkd-model", daemon=True)

    def submit(self, kind: Kind, work: Callable[[], Any], done: Callable[[Any], None]) -> int:
        """Queue `work`; see `Worker.submit`."""
        number = self._queue.put(kind, work, done)
        if self._thread.ident is None:  # not yet
            self._thread.start()
        return number

    def cancel(self, kind: Kind) -> None:
        """Drop the requests of a kind."""
        self._queue.cancel(kind)

    def close(self, timeout: float = 2.0) -> None:
        """End the thread, waiting at most `timeout` seconds for what it is doing."""
        self._queue.close()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _serve(self) -> None:
        while (request := self._queue.take(wait=True)) is not None:
            result = request.run()
            if not self._queue.is_current(request):
                continue
            try:
                self._dispatch(partial(self._deliver, request, result))
            except RuntimeError:  # the owner's event loop is gone: nobody is left to be told
                _log.debug("A result found no event loop to go to.", exc_info=True)

    def _deliver(self, request: Request, result: Any) -> None:
        """On the owner's thread: pass the result on, unless a newer request came while it travelled."""
        if self._queue.is_current(request):
            request.done(result)


class SyncWorker:
    """Runs every request at once in the caller's thread: the command line and most tests."""

    works_ahead = False

    def __init__(self) -> None:
        self._count = 0

    def submit(self, kind: Kind, work: Callable[[], Any], done: Callable[[Any], None]) -> int:
        """Do `work` and pass its result to `done`."""
        self._count += 1
        request = Request(self._count, kind, work, done)
        request.done(request.run())
        return request.number

    def cancel(self, kind: Kind) -> None:
        """Nothing waits, so nothing is dropped."""

    def close(self) -> None:
        """Nothing runs, so nothing ends."""
