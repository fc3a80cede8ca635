"""What can wait until an answer is on the screen: one thing at a time, done once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_MS = 400  # an answer that takes longer is not waited for
_FRAME_MS = 40  # after the answer came, until it is drawn


class Later(Protocol):
    """Does an action at its own time."""

    def __call__(self, action: Callable[[], None]) -> None:
        """Do `action` later, in place of one that still waits."""
        ...

    def soon(self) -> None:
        """What was waited for has come: do it as soon as that is drawn."""
        ...


class AtOnce:
    """For a viewer without a window: nothing is drawn, so nothing waits for it."""

    def __call__(self, action: Callable[[], None]) -> None:
        """Do `action`."""
        action()

    def soon(self) -> None:
        """Nothing waits."""


class Afterwards(QObject):
    """Waits for an answer to be drawn, but never long.

    Parameters
    ----------
    parent : QObject
        When it goes, what still waits is dropped.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._action: Callable[[], None] | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._do)

    def __call__(self, action: Callable[[], None]) -> None:
        """Do `action` later, in place of one that still waits."""
        self._action = action
        self._timer.start(_LONGEST_MS)

    def soon(self) -> None:
        """What was waited for has come: do it as soon as that is drawn."""
        if self._timer.isActive():
            self._timer.start(_FRAME_MS)

    def close(self) -> None:
        """Drop what still waits."""
        self._timer.stop()
        self._action = None

    def _do(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()
