"""The settings as a form, applied and saved on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.form import align_labels, build_form, read_form, show_in_form
from napari_medkd.widgets.inputs import make_calm
from napari_medkd.widgets.labels import SPACING, Caption, Section

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent
    from qtpy.QtWidgets import QWidget

    from napari_medkd.settings import Settings

_DEVICES = ("auto", "cpu", "cuda")
# Chosen elsewhere: models in their list and by learning, the rest where corrections are collected.
_ELSEWHERE = {
    "default_model",
    "looking_model",
    "collect_corrections",
    "corrections_database",
    "corrections_arrays",
    "annotator",
}


class SettingsBox(Section):
    """Edits `settings` in place; nothing changes before Apply.

    Parameters
    ----------
    settings : Settings
        What is edited. What has a place of its own elsewhere is not shown here.
    """

    changed = Signal(object)  # Settings, already saved

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__("Device and memory", parent)
        self._settings = settings
        self.form = build_form(settings, exclude=_ELSEWHERE, choices={"device": _DEVICES})
        self.form.margins = (0, 0, 0, 0)
        for row in self.form:
            make_calm(row.native)
            row.native.setAccessibleName(row.label)
            row.native.setMinimumWidth(90)
        self._message = Caption()
        self._message.hide()
        self._apply = PanelButton("Apply", "Save; the model is loaded again with the new settings.")
        self._revert = PanelButton("Revert", "Show the saved settings again.")
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        row.addStretch(1)
        row.addWidget(self._revert)
        row.addWidget(self._apply)
        self.body.addWidget(self.form.native)
        self.body.addWidget(self._message)
        self.body.addLayout(row)
        self.form.changed.connect(self._on_edited)
        self._apply.clicked.connect(self._on_apply)
        self._revert.clicked.connect(self._on_revert)
        self._on_edited()

    def showEvent(self, event: QShowEvent) -> None:
        """Align the fields: magicgui measured their labels before the host's font was known."""
        super().showEvent(event)
        align_labels(self.form)

    def _on_edited(self, *_: object) -> None:
        edited = any(row.value != getattr(self._settings, row.name) for row in self.form)
        self._apply.setEnabled(edited)
        self._revert.setEnabled(edited)

    def _on_apply(self) -> None:
        try:
            wanted = read_form(self.form, self._settings)
            wanted.save()
        except MedkdError as error:
            self._message.setText(str(error))
            self._message.show()
            return
        self._message.hide()
        for row in self.form:
            setattr(self._settings, row.name, getattr(wanted, row.name))
        self._on_edited()
        self.changed.emit(self._settings)

    def _on_revert(self) -> None:
        self._message.hide()
        show_in_form(self.form, self._settings)
        self._on_edited()
