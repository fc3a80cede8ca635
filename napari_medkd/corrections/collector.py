"""What a viewer holds while it collects: posts at once, and delivers on a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.corrections.outbox import Outbox
    from napari_medkd.corrections.record import Correction, Record
    from napari_medkd.corrections.store import CorrectionStore

_RETRY_SECONDS = 30.0


def _nothing(_: object) -> None:
    """Tell nobody."""


class Collector:
    """Takes corrections from the thread of a window and gives them to a store.

    Parameters
    ----------
    outbox : Outbox
        Where they wait.
    open_store : callable
        Opens the store; called on the collector's thread, with the first correction.
    on_added : callable
        Told each `Record` that arrived, on the collector's thread.
    on_failed : callable
        Told a `MedkdError` when the store cannot be had, on the collector's thread, once until it works
        again. What was collected goes on waiting and is tried again.
    """

    def __init__(
        self,
        outbox: Outbox,
        open_store: Callable[[], CorrectionStore],
        on_added: Callable[[Record], None] = _nothing,
        on_failed: Callable[[MedkdError], None] = _nothing,
    ) -> None:
        self._outbox = outbox
        self._open_store = open_store
        self._on_added, self._on_failed = on_added, on_failed
        self._store: CorrectionStore | None = None
        self._is_failing = False
        self._wake, self._is_closing = threading.Event(), threading.Event()
        # A daemon: a store that does not answer must not keep the program from ending; the outbox remains.
        self._thread = threading.Thread(target=self._work, name="medkd-corrections", daemon=True)
        self._thread.start()
        self._wake.set()  # what an earlier window left

    def add(self, given: Correction) -> None:
        """Keep a correction; a few milliseconds. Raises `StorageError` where the disk does not let us."""
        self._outbox.post(given)
        self._wake.set()

    def withdraw(self, id: str) -> None:
        """Take a correction back: its commit was undone."""
        self._outbox.post_change(id, "withdraw")
        self._wake.set()

    def restore(self, id: str) -> None:
        """Have a correction stand again: its commit was redone."""
        self._outbox.post_change(id, "restore")
        self._wake.set()

    def drop(self, id: str) -> None:
        """Take a correction back whose object was deleted; what it had replaced does not come back."""
        self._outbox.post_change(id, "drop")
        self._wake.set()

    def close(self, timeout: float = 5.0) -> bool:
        """Deliver what is left and end; tells whether that came to an end in `timeout` seconds.

        What is still waiting then is delivered by the next window.
        """
        self._is_closing.set()
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            self._wake.wait(_RETRY_SECONDS if self._is_failing else None)
            is_last = self._is_closing.is_set()
            self._wake.clear()
            self._deliver()
            if is_last:
                break
        if self._store is not None:
            self._store.close()

    def _deliver(self) -> None:
        try:
            if len(self._outbox) == 0:
                return
            if self._store is None:
                self._store = self._open_store()
            records = self._outbox.deliver(self._store)
        except MedkdError as error:
            if not self._is_failing:
                self._on_failed(error)
            self._is_failing = True
            return
        self._is_failing = False
        for record in records:
            self._on_added(record)
