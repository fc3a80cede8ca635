"""Connections from a session's signals to a widget that end with the widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance
    from qtpy.QtWidgets import QWidget


class Links:
    """Connects psygnal signals for `owner` and disconnects them when Qt destroys it.

    A session outlives its panels, and psygnal knows nothing of Qt: a slot called after its widget was
    deleted would reach a dead C++ object.

    Parameters
    ----------
    owner : QWidget
        The widget whose slots are connected.
    """

    def __init__(self, owner: QWidget) -> None:
        self._connected: list[tuple[SignalInstance, Callable[..., Any]]] = []
        # A lambda: it is held strongly and is not a slot of `owner`, whose slots are cut before `destroyed`.
        owner.destroyed.connect(lambda *_: self.close())

    def connect(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Call `slot` with what `signal` carries, until `close`."""
        signal.connect(slot)
        self._connected.append((signal, slot))

    def close(self) -> None:
        """Disconnect everything; calling twice is harmless."""
        while self._connected:
            signal, slot = self._connected.pop()
            signal.disconnect(slot, missing_ok=True)
