"""The Batch tab in the viewer: its panel, and the way from its doubtful masks to the Cases tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd import runs
from napari_medkd.viewer.tabs.cases import CasesTab
from napari_medkd.widgets.batch_panel import BatchPanel

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.viewer.dock import MedkdDock


class BatchTab:
    """Stands between the Batch tab and a dock.

    Parameters
    ----------
    dock : MedkdDock
        Knows the models, and opens cases.
    """

    def __init__(self, dock: MedkdDock) -> None:
        self._dock = dock
        self.page = BatchPanel(dock.library.cards, lambda: dock.settings.default_model)
        self.page.review_requested.connect(self._on_review)
        if runs.list_runs():
            self.page.refresh()  # a batch that goes on is followed before anybody looks

    def close(self) -> None:
        """Let go of the batch that is followed, which goes on."""
        self.page.monitor.let_go()

    def _on_review(self, masks: Path) -> None:
        cases = self._dock.tabs["Cases"]
        assert isinstance(cases, CasesTab)
        cases.page.work_through_report(masks)
        self._dock.panel.show_tab("Cases")
