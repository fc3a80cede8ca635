"""The dock's tabs between Segment and Models: one module and one line here for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from napari_medkd.viewer.tabs.auto import AutoTab
from napari_medkd.viewer.tabs.batch import BatchTab
from napari_medkd.viewer.tabs.cases import CasesTab
from napari_medkd.viewer.tabs.learn import LearnTab

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_medkd.viewer.dock import MedkdDock


class Tab(Protocol):
    """What stands between a page of the dock and the viewer."""

    @property
    def page(self) -> QWidget:
        """The page, which knows no napari."""
        ...

    def close(self) -> None:
        """Let go of threads, timers and signals; the dock goes. Calling twice is harmless."""
        ...


TABS: dict[str, Callable[[MedkdDock], Tab]] = {  # by title, from left to right
    "Auto": AutoTab,
    "Cases": CasesTab,
    "Learn": LearnTab,
    "Batch": BatchTab,
}
