"""A batch that runs or has run: how far it is, what came out, and where to go on from there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QHBoxLayout

from napari_medkd.batch import report
from napari_medkd.runs import events
from napari_medkd.runs.wording import spoken
from napari_medkd.widgets.buttons import LinkButton, PanelButton
from napari_medkd.widgets.labels import SPACING, Caption, Section
from napari_medkd.widgets.run_bar import RunBar
from napari_medkd.widgets.storage_box import open_folder

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from napari_medkd.widgets.run_monitor import RunMonitor

_CANCEL = "Stop after the images in hand; every mask that was written is kept, and Resume goes on from there."
_RESUMABLE = ("stopped", "crashed", "failed")


class BatchRunBox(Section):
    """Shows the batch that a monitor follows; hidden while there is none.

    Parameters
    ----------
    monitor : RunMonitor
        Follows it.
    """

    review_requested = Signal(object)  # Path of the folder of masks
    resume_requested = Signal()

    def __init__(self, monitor: RunMonitor, parent: QWidget | None = None) -> None:
        super().__init__("Progress", parent)
        self._monitor = monitor
        self._target: Path | None = None
        self._counts: Counter[str] = Counter()
        self._bar = RunBar(monitor, _CANCEL, word="Cancel")
        self._outcome, self._warning = Caption(), Caption()
        self._resume = PanelButton("Resume", "Do the images that are left.")
        self._report = PanelButton(
            "Open report", "Show the report in the browser: failures first, then doubts."
        )
        self._review = PanelButton(
            "Review…", "Work through the masks in the Cases tab, those that the model is least sure of first."
        )
        self._folder = LinkButton("Show the masks", "Open the folder of masks.")
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACING)
        for button in (self._resume, self._report, self._review):
            buttons.addWidget(button)
        buttons.addStretch(1)
        for widget in (self._bar, self._outcome, self._warning):
            self.body.addWidget(widget)
        self.body.addLayout(buttons)
        self.body.addWidget(self._folder)
        self._resume.clicked.connect(self.resume_requested)
        self._report.clicked.connect(self._on_report)
        self._review.clicked.connect(lambda: self.review_requested.emit(self._target))
        self._folder.clicked.connect(self._on_folder)
        monitor.event_received.connect(self._on_event)
        monitor.progressed.connect(self._show_counts)
        monitor.status_changed.connect(self._on_status)
        self.hide()

    def expect(self, target: Path) -> None:
        """Begin to show a batch into a folder of masks, before the monitor follows it."""
        self._target = target
        self._counts.clear()
        self._outcome.setText("")
        self._warn("")
        self.show()

    @property
    def text(self) -> str:
        """What is said of the batch."""
        return " ".join(filter(None, (self._bar.text, self._outcome.text(), self._warning.text())))

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.ItemDone):
            self._counts[event.status] += 1
        elif isinstance(event, events.Warning):
            self._warn(spoken(event))
        elif isinstance(event, events.Finished):  # with those that an earlier run had done
            self._counts = Counter({name: int(event.summary.get(name, 0)) for name in _WORDS})

    def _show_counts(self, *_: object) -> None:
        said = [f"{self._counts[name]:,} {word}" for name, word in _WORDS.items() if self._counts[name]]
        self._outcome.setText(" · ".join(said))
        self._outcome.setVisible(bool(said))
        self._review.setEnabled(self._counts["done"] > 0)

    def _on_status(self, status: str) -> None:
        self._show_counts()
        self._resume.setVisible(status in _RESUMABLE)
        self._report.setEnabled(self._page is not None)

    @property
    def _page(self) -> Path | None:
        page = self._target / report.PAGE if self._target is not None else None
        return page if page is not None and page.exists() else None

    def _warn(self, sentence: str) -> None:
        self._warning.setText(sentence)
        self._warning.setVisible(bool(sentence))

    def _on_report(self) -> None:
        if self._page is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._page)))

    def _on_folder(self) -> None:
        if self._target is not None:
            open_folder(self._target)


_WORDS = {"done": "segmented", "failed": "failed", "skipped": "skipped"}
