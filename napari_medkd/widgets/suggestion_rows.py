"""Suggestions as rows of a table: what is undecided first, the least sure of it on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from napari_medkd.session.suggestion import Status
from napari_medkd.widgets.drawing import AMBER, GREEN, RED
from napari_medkd.widgets.suggestion_sentences import name_of, size_of, slices_of

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_medkd.session.session import Session
    from napari_medkd.session.suggestion import Key, Suggestion

    Index: TypeAlias = "QModelIndex | QPersistentModelIndex"

SCORE, NAME, SIZE, SLICES, STATUS = range(5)
HEADS = {SCORE: "Score", NAME: "Class", SIZE: "Size", SLICES: "Slice", STATUS: ""}
_SIGNS = {Status.NEW: "", Status.ACCEPTED: "✓", Status.REJECTED: "✕"}
_ORDER = (Status.NEW, Status.ACCEPTED, Status.REJECTED)
_SURE, _HALF_SURE = 0.75, 0.5
_MEANING = {
    SCORE: "How sure the model is: the overlap that it expects with the true object, from 0 to 1.",
    NAME: "The class that it goes into; objects of no known kind go into the active class.",
    SIZE: "Area, or volume where it lies on several slices.",
    SLICES: "The slices that it lies on.",
    STATUS: "✓ accepted, ✕ rejected; nothing where it is to be decided.",
}


def colour_of(score: float) -> str:
    """Return the colour that says how sure the model is, in the table and on the image."""
    return GREEN if score >= _SURE else AMBER if score >= _HALF_SURE else RED


class SuggestionModel(QAbstractTableModel):
    """A view of a session's suggestions in Qt's words, in their order at the last `refresh`.

    Parameters
    ----------
    session : Session
        Whose suggestions are shown.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: list[tuple[Suggestion, Status]] = []
        self._places: dict[Key, int] = {}

    def refresh(self) -> None:
        """Read the suggestions again."""
        suggestions = self._session.suggestions
        found = [(one, suggestions.status(one.key)) for one in suggestions.all]
        rows = sorted(found, key=lambda row: _ORDER.index(row[1]))  # stable: by score within
        if rows == self._rows:
            return
        self.beginResetModel()
        self._rows = rows
        self._places = {one.key: place for place, (one, _) in enumerate(rows)}
        self.endResetModel()

    def at(self, row: int) -> Suggestion | None:
        """Return the suggestion of a row; None where there is none."""
        return self._rows[row][0] if 0 <= row < len(self._rows) else None

    def row_of(self, key: Key) -> int:
        """Return the row of a suggestion, -1 where it is not there."""
        return self._places.get(key, -1)

    @property
    def undecided(self) -> int:
        """How many of the first rows nobody has decided about."""
        return sum(status is Status.NEW for _, status in self._rows)

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of suggestions."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return the number of columns."""
        return len(HEADS)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """Return what a cell shows and says."""
        if not 0 <= index.row() < len(self._rows):
            return None
        one, status = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(one, status, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{name_of(one)}, {status.value.lower()}. {_MEANING[index.column()]}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._text(one, status, index.column()) if index.column() != STATUS else status.value
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if index.column() == NAME else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        """Return the line above the columns."""
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return _MEANING[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def _text(self, one: Suggestion, status: Status, column: int) -> str:
        volume = self._session.volume
        if column == SCORE:
            return f"{one.score:.2f}"
        if column == NAME:
            return name_of(one)
        if column == SIZE:
            return size_of(one, volume.geometry) if volume is not None else ""
        return slices_of(one) if column == SLICES else _SIGNS[status]
