"""Slices one after another from the model's thread, each shown before the next is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medkd.session.worker import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_medkd.session.worker import Worker

_DONE = object()


class Sweep:
    """Takes items from an iterator that works on the worker's thread; clicks are answered in between.

    Parameters
    ----------
    worker : Worker
        Where it works, with less urgency than what the user waits for.
    items : iterator
        Touched on the worker's thread alone.
    taken : callable
        Called with each item on the owner's thread.
    over : callable
        Called once on the owner's thread: with None at the end, or with the exception that ended it. Not
        after `stop`.
    kind : Kind
        How urgent it is; another sweep of the same kind must not be under way.
    """

    def __init__(
        self,
        worker: Worker,
        items: Iterator[Any],
        taken: Callable[[Any], None],
        over: Callable[[Exception | None], None],
        kind: Kind = Kind.SWEEP,
    ) -> None:
        self._worker = worker
        self._items = items
        self._taken = taken
        self._over = over
        self._kind = kind
        self.is_running = False
        self._wants_more = False
        self._is_asking = False

    def start(self) -> None:
        """Ask for the first item."""
        self.is_running = True
        self._ask()

    def stop(self) -> None:
        """Take nothing more; what is being worked on is thrown away."""
        if self.is_running:
            self.is_running = False
            self._worker.cancel(self._kind)

    def _ask(self) -> None:
        """Ask for one more item; a worker that answers at once is asked in a loop, not ever deeper."""
        self._wants_more = True
        if self._is_asking:
            return
        self._is_asking = True
        while self._wants_more and self.is_running:
            self._wants_more = False
            self._worker.submit(self._kind, lambda: next(self._items, _DONE), self._on_item)
        self._is_asking = False

    def _on_item(self, item: Any) -> None:
        if not self.is_running:
            return
        if item is _DONE or isinstance(item, Exception):
            self.is_running = False
            self._over(item if isinstance(item, Exception) else None)
            return
        self._taken(item)
        if self.is_running:
            self._ask()
