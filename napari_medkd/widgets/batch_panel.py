"""The Batch tab: a folder of images through a model, in a process that outlives the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medkd import batch, runs
from napari_medkd.errors import MedkdError
from napari_medkd.widgets.batch_box import BatchBox
from napari_medkd.widgets.batch_run_box import BatchRunBox
from napari_medkd.widgets.run_monitor import RunMonitor
from napari_medkd.widgets.scroll import column, scrolled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtGui import QShowEvent

    from napari_medkd.models.card import ModelCard


class BatchPanel(QWidget):
    """Starts a batch, follows it, and finds it again after the window was closed.

    Parameters
    ----------
    list_models : callable
        Returns the cards of the installed models; asked whenever the panel is shown.
    preferred : callable
        Returns the id of the model to begin with.
    choose_folder, choose_file : callable, optional
        See `BatchBox`.
    """

    review_requested = Signal(object)  # Path of the folder of masks: work through it in the Cases tab

    def __init__(
        self,
        list_models: Callable[[], Sequence[ModelCard]],
        preferred: Callable[[], str],
        choose_folder: Callable[[Path | None], Path | None] | None = None,
        choose_file: Callable[[Path | None], Path | None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._list_models, self._preferred = list_models, preferred
        self.monitor = RunMonitor(self)
        self.box = BatchBox(choose_folder, choose_file)
        self.run_box = BatchRunBox(self.monitor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(column(self.box, self.run_box)))
        self.box.start_requested.connect(self._on_start)
        self.run_box.resume_requested.connect(self._on_resume)
        self.run_box.review_requested.connect(self.review_requested)
        self.monitor.status_changed.connect(lambda status: self.box.set_running(status == "running"))

    def showEvent(self, event: QShowEvent) -> None:
        """Offer the models that are installed now."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Offer the models that are installed now, and take up the newest batch where none is followed."""
        try:
            self.box.set_models(self._list_models(), self._preferred())
            if self.monitor.handle is None:
                found = runs.newest(lambda spec: spec.recipe == batch.RECIPE)
                if found is not None:
                    self._follow(found)
        except MedkdError as error:
            self.box.show_error(error)

    def _on_start(self, config: batch.BatchConfig) -> None:
        self._act(lambda: batch.start(config))

    def _on_resume(self) -> None:
        handle = self.monitor.handle
        if handle is not None:
            self._act(lambda: batch.resume(handle.folder))

    def _act(self, start: Callable[[], runs.RunHandle]) -> None:
        try:
            handle = start()
        except MedkdError as error:
            self.box.show_error(error)
            return
        self.box.show_error(None)
        self._follow(handle)

    def _follow(self, handle: runs.RunHandle) -> None:
        from napari_medkd.batch.run import config_of  # brings what measures masks

        config = config_of(handle.spec)
        self.box.show_config(config)
        self.run_box.expect(Path(config.target))
        self.monitor.follow(handle)
