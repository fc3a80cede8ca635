"""The dock: the tabs Segment and Models, and the sheet of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari_medkd.widgets.models_panel import ModelsPanel
    from napari_medkd.widgets.segment_panel import SegmentPanel


class MedkdPanel(QWidget):
    """Both panels in scrollable tabs, at most 340 px wide; ``?`` shows the keys.

    Parameters
    ----------
    segment, models : SegmentPanel, ModelsPanel
        Reparented into the tabs.
    """

    def __init__(self, segment: SegmentPanel, models: ModelsPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)

    segment: SegmentPanel
    models: ModelsPanel

    def show_keys(self) -> None:
        """Show the sheet of keys (action ``"help"``)."""

    def show_tab(self, title: str) -> None:
        """Bring "Segment" or "Models" to the front."""
