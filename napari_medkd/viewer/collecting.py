"""Corrections of a viewer's session on their way to the store, while the user wants them kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.corrections import Collector, places

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.corrections.record import Record
    from napari_medkd.errors import MedkdError
    from napari_medkd.session.session import Session
    from napari_medkd.settings import Settings

_PATIENCE = 1.0  # seconds that a window waits when it closes; what is left is delivered by the next one


class SessionCollector:
    """Collects while the settings say so; the thread starts with the first time that they do.

    Parameters
    ----------
    session : Session
        Whose commits are kept.
    on_added : callable
        Called on the GUI thread when corrections have arrived in the store.
    on_failed : callable
        Told on the GUI thread why the store cannot be had; what was committed waits for it on the disk.
    dispatch : callable
        Calls its argument on the GUI thread.
    """

    def __init__(
        self,
        session: Session,
        on_added: Callable[[], object],
        on_failed: Callable[[MedkdError], object],
        dispatch: Callable[[Callable[[], object]], object],
    ) -> None:
        self._session, self._dispatch = session, dispatch
        self._on_added, self._on_failed = on_added, on_failed
        self._collector: Collector | None = None

    def follow(self, settings: Settings) -> None:
        """Collect, or stop collecting, as the settings say."""
        if settings.collect_corrections and self._collector is None:
            self._collector = Collector(
                places.outbox(), places.open_store, self._tell_added, self._tell_failed
            )
        self._session.collecting.keeper = self._collector if settings.collect_corrections else None
        self._session.collecting.annotator = settings.annotator

    def close(self) -> None:
        """Deliver what is left, as far as that takes no time; calling twice is harmless."""
        self._session.collecting.keeper = None
        if self._collector is not None:
            self._collector.close(_PATIENCE)
            self._collector = None

    def _tell_added(self, record: Record) -> None:
        self._dispatch(self._on_added)

    def _tell_failed(self, error: MedkdError) -> None:
        self._dispatch(lambda: self._on_failed(error))
