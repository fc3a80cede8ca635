"""What a click here would give: one question at a time, the newest place next, off where answers are slow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.session.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.core.geometry import Plane
    from napari_medkd.inference.segmenter import Prediction
    from napari_medkd.session.session import Session

HOVER_LIMIT = 0.060  # seconds: slower than this, an outline trails the pointer and disturbs
DRAG_LIMIT = 0.300  # while a box is dragged the user waits for it
_LOST = 1.0  # an answer that did not come by then never will: the session had nothing encoded
_SLOW_IN_A_ROW = 3  # one slow answer may be another program's fault


class Preview:
    """Asks the session for previews of a hovering pointer or a dragged box.

    Parameters
    ----------
    session : Session
        Who answers through `preview_changed`.
    clock : callable
        Seconds, monotonic.
    """

    switched = Signal(bool, str)  # on or off, and why where it switched itself off

    def __init__(self, session: Session, clock: Callable[[], float] = time.perf_counter) -> None:
        self._session = session
        self._clock = clock
        self._asked_at: float | None = None
        self._next: Prompt | None = None
        self._limit = HOVER_LIMIT
        self._slow = 0
        self._draggable = True
        self.enabled = True
        session.preview_changed.connect(self._on_answer)
        session.segmenter_changed.connect(self._on_segmenter)

    def toggle(self) -> None:
        """Switch the hover preview on or off, by the user."""
        self.enabled = not self.enabled
        self._slow = 0
        if not self.enabled:
            self.clear()
        self.switched.emit(self.enabled, "")

    def hover(self, plane: Plane, row: float, column: float) -> None:
        """Ask what a click at (row, column) would give, if nothing was said yet."""
        session = self._session
        ready = session.state in (State.READY, State.COMMITTED) and session.prompt is None
        if not (self.enabled and ready and self._understands("point")):
            return
        self._limit = HOVER_LIMIT
        self._ask(Prompt(plane, points=(Point(row, column),)))

    def drag(self, prompt: Prompt) -> None:
        """Ask what a box or point that is still being dragged would give."""
        if self._draggable and self._understands(*prompt.kinds):
            self._limit = DRAG_LIMIT
            self._ask(prompt)

    def settle(self) -> None:
        """Ask nothing more, and leave what is shown to the prompt that comes now."""
        self._next = None
        self._asked_at = None

    def clear(self) -> None:
        """Show no preview, and none that is still on its way."""
        self._next = None
        waiting, self._asked_at = self._asked_at is not None, None
        if waiting or self._session.preview is not None:
            self._session.set_preview(None)

    def _understands(self, *kinds: str) -> bool:
        segmenter = self._session.segmenter
        return segmenter is not None and segmenter.card.supports(frozenset(kinds))

    def _ask(self, prompt: Prompt) -> None:
        # The worker drops what is superseded: asking at every move would never be answered while moving.
        if self._asked_at is not None and self._clock() - self._asked_at < _LOST:
            self._next = prompt
            return
        self._next = None
        self._asked_at = self._clock()
        self._session.set_preview(prompt)

    def _on_answer(self, preview: Prediction | None) -> None:
        if preview is None or self._asked_at is None:
            return
        took = self._session.decode_seconds  # not what our question waited for others
        self._asked_at = None
        self._slow = self._slow + 1 if took > self._limit else 0
        if self._slow >= _SLOW_IN_A_ROW:
            self._switch_off(took)
        elif self._next is not None:
            self._ask(self._next)

    def _switch_off(self, took: float) -> None:
        self._slow = 0
        if self._limit == DRAG_LIMIT:
            self._draggable = False
        else:
            self.enabled = False
            self.switched.emit(
                False, f"The hover preview is off: an answer takes {took * 1000:.0f} ms here. H puts it on."
            )
        self.clear()

    def _on_segmenter(self) -> None:
        self._asked_at = self._next = None
        self._slow = 0
        self._draggable = True
