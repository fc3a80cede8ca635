"""How far a run has come, how long it will take, and a way to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_medkd.errors import MedkdError
from napari_medkd.runs.wording import figures, left
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.labels import SPACING, Caption
from napari_medkd.widgets.progress import ProgressBar

if TYPE_CHECKING:
    from napari_medkd.widgets.run_monitor import RunMonitor, RunState

_PATIENCE_MS = 5000  # after which "Stop" offers to end a run that has not stopped
_SHORT = 0.3  # seconds to terminate where a time was promised: what is saved is whole or not there
_ENDED = {
    "finished": "Finished.",
    "failed": "It failed.",
    "stopped": "Stopped; it can go on from there.",
    "crashed": "Its process is gone without a word; it can go on from what it saved.",
}
_DOING = {
    "views": "Looking at the images",
    "export": "Writing the model",
    "comparison": "Comparing both models",
}


class RunBar(QWidget):
    """Shows the run that a monitor follows; hidden while there is none.

    Parameters
    ----------
    monitor : RunMonitor
        What is shown; it lives as long as the bar.
    what : str
        What "Stop" does, for its tooltip.
    word : str
        What is on the button.
    end_after_ms : int
        When a run that was asked to stop is ended without a further question; 0 asks for one.
    tells_figures : bool
        Whether the newest figures stand below the bar.
    """

    def __init__(
        self,
        monitor: RunMonitor,
        what: str,
        parent: QWidget | None = None,
        *,
        word: str = "Stop",
        end_after_ms: int = 0,
        tells_figures: bool = True,
    ) -> None:
        super().__init__(parent)
        self._monitor, self._tells = monitor, tells_figures
        self._promised = bool(end_after_ms)
        self._title, self._note = Caption(), Caption()
        self._bar = ProgressBar("Progress of the run")
        self._stop = PanelButton(word, what)
        self._end = PanelButton("End now", "End its processes at once; what they have in hand is lost.")
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        row.addWidget(self._bar, 1)
        row.addWidget(self._stop)
        row.addWidget(self._end)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._title)
        layout.addLayout(row)
        layout.addWidget(self._note)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(end_after_ms or _PATIENCE_MS)
        self._patience.timeout.connect(self._on_end if end_after_ms else self._end.show)
        self._stop.clicked.connect(self._on_stop)
        self._end.clicked.connect(self._on_end)
        monitor.status_changed.connect(self._on_status)
        monitor.progressed.connect(self._on_progressed)
        self.hide()

    @property
    def text(self) -> str:
        """What is said above and below the bar."""
        return " ".join(filter(None, (self._title.text(), self._note.text())))

    def _on_status(self, status: str) -> None:
        running = status == "running"
        self._bar.setVisible(running)
        self._stop.setVisible(running)
        self._stop.setEnabled(not self._monitor.is_stopping)
        self._end.setEnabled(True)
        self._end.hide()
        self._patience.stop()
        if self._monitor.is_stopping:
            self._patience.start()
        if running:
            self._bar.show_share(0, 0)
            self._say("Starting…", "")
        else:
            failure = self._monitor.failure
            self._say(_ENDED[status], f"{failure.message} {failure.hint}".strip() if failure else "")
        self.show()

    def _on_progressed(self, state: RunState) -> None:
        if not self._monitor.is_running:
            return
        self._bar.show_share(state.step, state.total)
        title = "Stopping…" if self._monitor.is_stopping else _title(state)
        told = figures(state.values) if self._tells else ""
        self._say(title, " · ".join(filter(None, (left(state.seconds_left), told))))

    def _say(self, title: str, note: str) -> None:
        self._title.setText(title)
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _on_stop(self) -> None:
        try:
            self._monitor.request_stop()
        except MedkdError as error:
            self._say(error.message, error.hint)
            return
        self._stop.setEnabled(False)
        self._title.setText("Stopping…")
        self._patience.start()

    def _on_end(self) -> None:
        self._end.setEnabled(False)
        if self._promised:
            self._monitor.end_now(_SHORT)
        else:
            self._monitor.end_now()


def _title(state: RunState) -> str:
    """Return which stage it is and how far: ``Segment (2 of 2): 1,234 of 5,000``."""
    name = state.doing or state.stage
    if not name:
        return "Starting…"
    title = _DOING.get(name, f"{name[:1].upper()}{name[1:]}")
    title += f" ({state.index + 1} of {state.count})" if state.count > 1 and not state.doing else ""
    if state.total:
        return f"{title}: {state.step:,} of {state.total:,}"
    return f"{title}: {state.step:,}" if state.step else f"{title}…"
