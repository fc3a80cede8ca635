"""The curves of one run, from its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medkd.runs import events
from napari_medkd.widgets.curves import Chart

if TYPE_CHECKING:
    from napari_medkd.widgets.run_monitor import RunMonitor

_MEASURED = "held_out_"  # how the figures of validation cases begin


class RunCurves(QWidget):
    """Loss, and overlap on validation cases, of the run that a monitor follows, over the steps of all stages.

    Parameters
    ----------
    monitor : RunMonitor
        Whose run is shown.
    """

    def __init__(self, monitor: RunMonitor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loss = Chart("Loss")
        self.overlap = Chart("Overlap, other cases", (0.0, 1.0))
        self._before = 0  # steps of the stages that are over
        self._stage: events.Stage | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.loss)
        layout.addWidget(self.overlap)
        monitor.event_received.connect(self._on_event)

    def clear(self) -> None:
        """Begin again, with another run."""
        self._before, self._stage = 0, None
        self.loss.clear()
        self.overlap.clear()

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self._before, self._stage = 0, None
            if not event.resumed:
                self.clear()
        elif isinstance(event, events.Stage):
            self._before += self._stage.steps if self._stage is not None else 0
            self._stage = event
        elif isinstance(event, events.Metric):
            step = self._before + event.step
            self.loss.add(step, {name: event.values[name] for name in ("loss",) if name in event.values})
            shown = {
                _title(name): value for name, value in event.values.items() if name.startswith(_MEASURED)
            }
            self.overlap.add(step, shown)


def _title(name: str) -> str:
    said = name.removeprefix(_MEASURED).replace("_", " ")
    return said.replace("first iou", "first click").replace("last iou", "last click")
