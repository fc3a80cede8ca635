"""The Models tab: what is installed, what can be had, where it lies and what runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.dialogs import Asker, Dialogs
from napari_medkd.widgets.job_bar import JobBar
from napari_medkd.widgets.labels import Section
from napari_medkd.widgets.model_card_box import ModelCardBox
from napari_medkd.widgets.model_list import ModelList
from napari_medkd.widgets.scroll import column, scrolled
from napari_medkd.widgets.sentences import file_size
from napari_medkd.widgets.settings_box import SettingsBox
from napari_medkd.widgets.storage_box import StorageBox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_medkd.settings import Settings
    from napari_medkd.widgets.library import ModelLibrary, ModelRow

_FILES = "Models (*.pth *.pt *.safetensors *.zip card.json);;All files (*)"


class ModelsPanel(QWidget):
    """Lists models and lets the user use, fetch, add, prepare and remove them; edits the settings.

    Parameters
    ----------
    library : ModelLibrary
        Who keeps the models.
    settings : Settings
        Edited in place and saved after every change.
    folders : mapping of str to Path
        Where data are stored, what is in it → folder.
    asker : Asker or None
        Who answers questions; dialogs where None.
    choose_file : callable or None
        Returns the file to add, None where the user changed their mind; a file dialog where None.
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
        choose_file: Callable[[], Path | None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._settings = library, settings
        self._asker: Asker = asker or Dialogs(self)
        self._choose_file = choose_file or self._file_dialog
        self._list, self._card, self._job = ModelList(), ModelCardBox(), JobBar()
        self._add = PanelButton(
            "Add from file…", "Install a checkpoint file or a packed model from this computer."
        )
        self._settings_box = SettingsBox(settings)
        models = Section("Models")
        head = QHBoxLayout()
        models.body.removeWidget(models.heading)
        head.addWidget(models.heading, 1)
        head.addWidget(self._add)
        models.body.addLayout(head)
        for widget in (self._list, self._job, self._card):
            models.body.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(column(models, self._settings_box, StorageBox(folders))))
        self._list.selected.connect(self._on_list_selected)
        self._list.use_requested.connect(self._on_use)
        self._card.action_requested.connect(self._on_action)
        self._add.clicked.connect(self._on_add)
        self._job.finished.connect(self._on_selected)
        self._settings_box.changed.connect(self.settings_changed)
        self.refresh()

    def refresh(self) -> None:
        """List the library's models again."""
        self._list.default_id = self._settings.default_model
        try:
            self._list.show_rows(self._library.list_models())
        except MedkdError as error:
            self._job.say(str(error))

    def set_current(self, model_id: str | None) -> None:
        """Mark the model in use; None where none is loaded."""
        self._list.current_id = model_id
        self._list.viewport().update()
        self._on_selected()

    def show_error(self, error: MedkdError) -> None:
        """Show what went wrong under the list."""
        self._job.say(str(error))

    def _on_list_selected(self) -> None:
        if not self._job.is_busy:
            self._job.say("")  # the last word was about another model
        self._on_selected()

    def _on_selected(self) -> None:
        self._card.show_model(
            self._list.chosen,
            current=self._list.current_id,
            default=self._settings.default_model,
            busy=self._job.is_busy,
        )
        self._add.setEnabled(not self._job.is_busy)

    def _on_use(self, model_id: str) -> None:
        if model_id != self._list.current_id:
            self.model_chosen.emit(model_id)

    def _on_action(self, action: str) -> None:
        row = self._list.chosen
        if row is None:
            return
        do: dict[str, Callable[[ModelRow], None]] = {
            "use": lambda row: self._on_use(row.id),
            "default": self._make_default,
            "fetch": self._fetch,
            "prepare": self._prepare,
            "remove": self._remove,
        }
        try:
            do[action](row)
        except MedkdError as error:
            self.show_error(error)

    def _make_default(self, row: ModelRow) -> None:
        wanted = self._settings.model_copy(update={"default_model": row.id})
        wanted.save()
        self._settings.default_model = row.id
        self.refresh()
        self.settings_changed.emit(self._settings)

    def _fetch(self, row: ModelRow) -> None:
        if self._asker.confirm("Download", licence_question(row), "Accept and download"):
            self._start(f"Downloading {row.title}", lambda progress: self._library.fetch(row.id, progress))

    def _prepare(self, row: ModelRow) -> None:
        self._start(f"Preparing {row.title}", lambda progress: self._library.prepare(row.id, progress))

    def _remove(self, row: ModelRow) -> None:
        if self._asker.confirm("Remove", f"Delete the files of {row.title} from this computer?", "Remove"):
            self._library.remove(row.id)
            self._on_changed(None)

    def _on_add(self) -> None:
        path = self._choose_file()
        if path is not None:
            path = path.parent if path.name == "card.json" else path
            self._start(f"Adding {path.name}", lambda progress: self._library.add(path, progress))

    def _start(self, title: str, work: Callable[[Callable[[int, int], None]], object]) -> None:
        self._job.start(title, work, self._on_changed)
        self._on_selected()

    def _on_changed(self, _result: object) -> None:
        self.refresh()
        self.models_changed.emit()

    def _file_dialog(self) -> Path | None:
        name, _ = QFileDialog.getOpenFileName(self, "Add a model", "", _FILES)
        return Path(name) if name else None


def licence_question(row: ModelRow) -> str:
    """Return what is asked before a download: size, licence and what it forbids."""
    size = f" ({file_size(row.size)})" if row.size else ""
    licence = f"Its licence: {row.licence}." if row.licence else "Its authors state no licence."
    if not row.commercial_use:
        licence += " It does not allow commercial use."
    return f"{row.title}{size} will be downloaded from its authors' site.\n\n{licence}"
