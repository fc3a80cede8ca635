"""The dock: its tabs, and the sheet of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from napari_medkd.widgets.buttons import IconButton
from napari_medkd.widgets.key_sheet import KeySheet
from napari_medkd.widgets.keys import tooltip_for
from napari_medkd.widgets.labels import MARGIN

if TYPE_CHECKING:
    from napari_medkd.widgets.models_panel import ModelsPanel
    from napari_medkd.widgets.segment_panel import SegmentPanel


class MedkdPanel(QWidget):
    """Panels in tabs that scroll; ``?`` shows the keys. Asks for 324 px and works from 300 on.

    Parameters
    ----------
    segment : SegmentPanel
        Becomes the tab "Segment", the first one.
    models : ModelsPanel
        Becomes the tab "Models", the last one.
    """

    def __init__(self, segment: SegmentPanel, models: ModelsPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.segment, self.models = segment, models
        self._sheet: KeySheet | None = None
        self._tabs, self._pages = QTabBar(), QStackedWidget()
        self._tabs.setDrawBase(False)
        self._tabs.setStyleSheet("QTabBar::tab { padding: 3px; margin-right: 1px; }")  # six fit 324 px
        self._tabs.setStyleSheet("QTabBar::tab { padding: 3px 2px; margin-right: 1px; }")  # six titles fit
        self._tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for title, page in (("Segment", segment), ("Models", models)):
            self._tabs.addTab(title)
            self._pages.addWidget(page)
        self._help = IconButton("help", "Keys", tooltip_for("help"))
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, 2, MARGIN, 0)
        head.addWidget(self._tabs, 0, Qt.AlignmentFlag.AlignBottom)
        head.addStretch(1)
        head.addWidget(self._help)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._pages, 1)
        self._tabs.currentChanged.connect(self._pages.setCurrentIndex)
        self._help.clicked.connect(self.show_keys)
        segment.models_requested.connect(lambda: self.show_tab("Models"))
        segment.action_requested.connect(self._on_action)

    def show_keys(self) -> None:
        """Show the sheet of keys (action ``"help"``)."""
        if self._sheet is None:
            self._sheet = KeySheet(self)
        self._sheet.show()
        self._sheet.raise_()

    def add_tab(self, title: str, page: QWidget) -> None:
        """Add a tab before "Models"."""
        place = self._tabs.count() - 1
        self._pages.insertWidget(place, page)
        self._tabs.insertTab(place, title)

    def show_tab(self, title: str) -> None:
        """Bring a tab to the front."""
        titles = [self._tabs.tabText(place) for place in range(self._tabs.count())]
        self._tabs.setCurrentIndex(titles.index(title))

    def _on_action(self, action: str) -> None:
        if action == "help":
            self.show_keys()
