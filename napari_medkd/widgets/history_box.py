"""The models that were in use one after the other, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout

from napari_medkd.widgets.buttons import PanelButton
from napari_medkd.widgets.labels import Section
from napari_medkd.widgets.table import Cell, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtWidgets import QWidget

    from napari_medkd.learning import Decision

_HEADS = (Cell("Model"), Cell("Choice"), Cell("When"))
_WORDS = {"use": "used", "keep": "kept", "roll back": "rolled back"}


class HistoryBox(Section):
    """Lists decisions, the newest first; hidden before the first."""

    roll_back_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("History", parent)
        self._table = Table("History of models", _HEADS, rows_shown=5)
        self._back = PanelButton("Roll back", "There is no earlier model to go back to.")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._back)
        self.body.addWidget(self._table)
        self.body.addLayout(row)
        self._back.clicked.connect(self.roll_back_requested)
        self.hide()

    @property
    def rows(self) -> list[list[str]]:
        """What the table says."""
        return self._table.texts

    def show_decisions(self, decisions: Sequence[Decision], titles: Mapping[str, str], previous: str) -> None:
        """Show what was decided; `previous` is the id of the model to go back to, or empty."""
        self._table.show_rows([_row(one, titles) for one in decisions])
        self._back.setEnabled(bool(previous))
        name = titles.get(previous, previous)
        self._back.setToolTip(
            f"Use {name} again; the model in use stays installed."
            if previous
            else "There is no earlier model to go back to."
        )
        self.setVisible(bool(decisions))


def _row(one: Decision, titles: Mapping[str, str]) -> tuple[Cell, ...]:
    when = one.time.astimezone()
    word = "looks" if one.role == "looks" and one.action == "use" else _WORDS[one.action]
    before = titles.get(one.before, one.before)
    did = "looked for objects" if one.role == "looks" else "was in use"
    return (
        Cell(titles.get(one.after, one.after), tooltip=f"{before} {did} before."),
        Cell(word),
        Cell(f"{when:%d %b %H:%M}", tooltip=f"{when:%Y-%m-%d %H:%M}"),
    )
