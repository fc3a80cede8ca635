"""The Models tab: what is installed, what can be had, where it lies and what runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_medkd.settings import Settings
    from napari_medkd.widgets.dialogs import Asker
    from napari_medkd.widgets.library import ModelLibrary


class ModelsPanel(QWidget):
    """Lists models and lets the user use, fetch, add, prepare and remove them; edits the settings.

    Parameters
    ----------
    library : ModelLibrary
        Who keeps the models.
    settings : Settings
        Edited in place and saved after every change.
    folders : mapping of str to Path
        Where data are stored, title → folder.
    """

    model_chosen = Signal(str)  # "Use": id of an installed model
    models_changed = Signal()  # fetched, added, prepared or removed: call SegmentPanel.set_models again
    settings_changed = Signal(object)  # Settings, already saved

    def __init__(
        self,
        library: ModelLibrary,
        settings: Settings,
        folders: Mapping[str, Path],
        *,
        asker: Asker | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)

    def refresh(self) -> None: ...
    def set_current(self, model_id: str | None) -> None: ...
