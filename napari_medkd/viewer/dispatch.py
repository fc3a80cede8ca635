"""The way back from a worker thread to the GUI thread: one queued signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Callable


class GuiDispatch(QObject):
    """Calls functions on the thread that it lives in, in order, once its event loop is free.

    Parameters
    ----------
    parent : QObject
        When it goes, calls that are still on their way are dropped.
    """

    _called = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._open = True
        self._called.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, function: Callable[[], object]) -> None:
        """Have `function` called soon; from any thread."""
        if self._open:
            self._called.emit(function)

    def close(self) -> None:
        """Drop what is on its way, and all that comes."""
        self._open = False

    def _run(self, function: Callable[[], object]) -> None:
        if self._open:
            function()
