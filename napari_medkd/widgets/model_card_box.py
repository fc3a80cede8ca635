"""The facts of one model, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QFrame, QVBoxLayout, QWidget
from superqt import QFlowLayout

from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.labels import Caption, Heading, Word
from napari_medkd.widgets.sentences import file_size

if TYPE_CHECKING:
    from napari_medkd.widgets.library import ModelRow

# action → (text, tooltip)
_ACTIONS = {
    "use": ("Use", "Load this model for the open image. (Enter or double click in the list)"),
    "default": ("Make default", "Start every new session with this model."),
    "fetch": ("Download…", "Show the licence, then download the weights."),
    "prepare": ("Prepare", "Export to ONNX: it then runs faster on a processor, and without torch."),
    "remove": ("Remove…", "Delete this model's files from this computer."),
}


class ModelCardBox(QFrame):
    """Shows a model and offers what makes sense for it."""

    action_requested = Signal(str)  # use, default, fetch, prepare or remove

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("foreground", True)
        self._title, self._description = Heading(""), Caption()
        self._title.setWordWrap(True)
        self._facts = QFormLayout()
        self._facts.setContentsMargins(0, 2, 0, 2)
        self._facts.setHorizontalSpacing(10)
        self._facts.setVerticalSpacing(3)
        buttons = QWidget()
        buttons.setObjectName("medkd_actions")
        buttons.setStyleSheet("#medkd_actions { background: transparent; }")
        self._flow = QFlowLayout(buttons)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._buttons: dict[str, PanelButton] = {}
        for action, (text, tooltip) in _ACTIONS.items():
            button = PanelButton(text, tooltip)
            button.clicked.connect(lambda *_, action=action: self.action_requested.emit(action))
            button.setParent(buttons)
            self._buttons[action] = button
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(4)
        layout.addWidget(self._title)
        layout.addWidget(self._description)
        layout.addLayout(self._facts)
        layout.addWidget(buttons)

    def show_model(self, row: ModelRow | None, *, current: str | None, default: str, busy: bool) -> None:
        """Show a model; `current` is in use, `default` starts sessions, `busy` while a job runs."""
        self.setVisible(row is not None)
        if row is None:
            return
        self._title.setText(row.title)
        self._description.setText(row.description)
        self._description.setVisible(bool(row.description))
        while self._facts.rowCount():
            self._facts.removeRow(0)
        for label, text in _facts(row).items():
            self._facts.addRow(Word(label), _value(text))
        offered = {
            "use": row.installed and row.id != current,
            "default": row.installed and row.id != default,
            "fetch": not row.installed,
            "prepare": row.can_prepare,
            "remove": row.can_remove,
        }
        for action, button in self._buttons.items():
            self._flow.removeWidget(button)  # a hidden one would leave a gap
            if offered[action]:
                self._flow.addWidget(button)
            button.setVisible(offered[action])
            button.setEnabled(not (busy and action in ("fetch", "prepare", "remove")))


def _facts(row: ModelRow) -> dict[str, str]:
    licence = row.licence or "not stated"
    if not row.commercial_use:
        licence += " (no commercial use)"
    facts = {"Prompts": ", ".join(sorted(row.capabilities)) or "none", "Licence": licence}
    if row.size:
        facts["Size"] = file_size(row.size)
    return facts | dict(row.details)


def _value(text: str) -> Caption:
    label = Caption(text.replace("/", "/\N{ZERO WIDTH SPACE}"))  # so that an address can break into lines
    label.setToolTip(text)
    return label
