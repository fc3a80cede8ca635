"""The Learn tab in the viewer: its panel, and the model that it puts to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_medkd import runs
from napari_medkd.corrections import places
from napari_medkd.viewer.collecting import SessionCollector
from napari_medkd.viewer.learning import LearningHere
from napari_medkd.widgets.learn_panel import LearnPanel

if TYPE_CHECKING:
    from napari_medkd.learning import Decision
    from napari_medkd.viewer.dock import MedkdDock


class LearnTab:
    """Stands between the Learn tab and a dock.

    Parameters
    ----------
    dock : MedkdDock
        Loads the models that are put to use, and collects corrections.
    """

    def __init__(self, dock: MedkdDock) -> None:
        self._dock = dock
        self.page = LearnPanel(LearningHere(), dock.settings, places.folder(), self._choose_folder)
        self.page.model_changed.connect(self._on_model)
        self.page.badge_changed.connect(self._on_badge)
        self._collector = SessionCollector(dock.session, self._on_added, self.page.show_error, dock.dispatch)
        self._collector.follow(dock.settings)
        self.page.collecting_changed.connect(self._collector.follow)
        if runs.list_runs():
            self.page.refresh()  # a run that goes on is followed before anybody looks

    def close(self) -> None:
        """Let go of the run that is followed, which goes on, and of the corrections, which are kept."""
        self._collector.close()
        self.page.monitor.let_go()

    def _on_added(self) -> None:
        if self.page.isVisible():
            self.page.refresh()

    def _on_model(self, decision: Decision) -> None:
        models = self._dock.panel.models
        if decision.role == "looks":
            self._dock.settings.looking_model = decision.after
        else:
            self._dock.settings.default_model = decision.after
            self._dock.use_model(decision.after)
        models.refresh()
        models.models_changed.emit()

    def _on_badge(self, text: str) -> None:
        self._dock.panel.segment.set_badge(text, "See the Learn tab.", kind="training")

    def _choose_folder(self) -> Path | None:
        title = "A folder for the run, to be taken to another computer"
        chosen = QFileDialog.getExistingDirectory(self.page, title, str(Path.home()))
        return runs.new_folder("learn", Path(chosen)) if chosen else None
