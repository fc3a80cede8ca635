"""The cases of a folder as rows of a list: state, what is known of each, and their order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QObject

    from napari_medkd.learning.case_log import CaseNote
    from napari_medkd.learning.cases import Case

    Index: TypeAlias = "QModelIndex | QPersistentModelIndex"

USEFUL, DOUBTFUL, NAME = "useful", "doubtful", "name"
ORDERS = {
    USEFUL: "Most useful to correct first",
    DOUBTFUL: "Least certain of a batch first",
    NAME: "By name",
}
ROW = Qt.ItemDataRole.UserRole


@dataclass(slots=True)
class CaseRow:
    """One case in the list.

    Parameters
    ----------
    case : Case
        The image.
    note : CaseNote
        How it stands.
    usefulness : float or None
        What correcting it would teach, higher is more; None where it was not looked at.
    opinion : str
        What was found in looking at it, for people.
    """

    case: Case
    note: CaseNote
    usefulness: float | None = None
    opinion: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is left to do."""
        return self.note.state in ("new", "open")

    @property
    def sentence(self) -> str:
        """What there is to say of it."""
        if self.note.state == "failed" or self.case.problem:
            return self.note.reason or self.case.problem
        known = [self.opinion] if self.opinion else []
        if self.case.confidence is not None:
            known.append(f"certainty of the batch {self.case.confidence:.2f}")
        return " · ".join(known)


class CaseModel(QAbstractListModel):
    """Thousands of rows cost what is on the screen: a view asks for no others."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[CaseRow] = []
        self._places: dict[str, int] = {}

    def show(self, rows: Sequence[CaseRow], order: str) -> None:
        """Show other cases."""
        self.beginResetModel()
        self.rows = sorted(rows, key=_KEYS[order])
        self._index()
        self.endResetModel()

    def sort_by(self, order: str) -> None:
        """Bring the cases into another order; who points at one goes on pointing at it."""
        self.layoutAboutToBeChanged.emit()
        kept = [(old, self.rows[old.row()].case.name) for old in self.persistentIndexList()]
        self.rows.sort(key=_KEYS[order])
        self._index()
        for old, name in kept:
            self.changePersistentIndex(old, self.index(self._places[name]))
        self.layoutChanged.emit()

    def row_of(self, name: str) -> CaseRow:
        """Return the row of a case."""
        return self.rows[self._places[name]]

    def place_of(self, name: str) -> int:
        """Return where a case stands in the list."""
        return self._places[name]

    def touch(self, name: str) -> None:
        """Say that a row has changed."""
        index = self.index(self._places[name])
        self.dataChanged.emit(index, index)

    def after(self, name: str) -> CaseRow | None:
        """Return the first case below `name` that is left to do, else the first; None where none is."""
        start = self._places[name] + 1 if name in self._places else 0
        ahead = [*self.rows[start:], *self.rows[: max(start - 1, 0)]]
        return next((row for row in ahead if row.is_open), None)

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of cases."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """Return what a row shows and says."""
        row = self.rows[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.case.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.case.name}\n{row.note.state}. {row.sentence}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.case.name}, {row.note.state}. {row.sentence}".strip()
        return None

    def _index(self) -> None:
        self._places = {row.case.name: place for place, row in enumerate(self.rows)}


def _unknown_last(value: float | None) -> float:
    return math.inf if value is None else value


_KEYS = {
    USEFUL: lambda row: (math.inf if row.usefulness is None else -row.usefulness, row.case.name),
    # What no mask could be made of comes last: it may not even open.
    DOUBTFUL: lambda row: (bool(row.case.problem), _unknown_last(row.case.confidence), row.case.name),
    NAME: lambda row: row.case.name,
}
