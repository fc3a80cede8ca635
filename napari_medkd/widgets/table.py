"""A small table to read: words and numbers in the host's colours, as high as its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    Index: TypeAlias = "QModelIndex | QPersistentModelIndex"

_ROW = 22


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Parameters
    ----------
    text : str
        What it shows.
    colour : str
        Of the text, where it should stand out.
    tooltip : str
        More about it.
    """

    text: str
    colour: str = ""
    tooltip: str = ""


class _Model(QAbstractTableModel):
    def __init__(self, heads: Sequence[Cell], parent: QWidget) -> None:
        super().__init__(parent)
        self.heads = tuple(heads)
        self.cells: tuple[tuple[Cell, ...], ...] = ()

    def show(self, cells: Sequence[Sequence[Cell]]) -> None:
        self.beginResetModel()
        self.cells = tuple(map(tuple, cells))
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.cells)

    def columnCount(self, parent: Index | None = None) -> int:
        return len(self.heads)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        cell = self.cells[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return cell.tooltip or cell.text
        if role == Qt.ItemDataRole.ForegroundRole and cell.colour:
            return QColor(cell.colour)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(index.column())
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.heads[section].text
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.heads[section].tooltip
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        return None


class Table(QTableView):
    """Rows of cells; the first column takes the room that is left, the others stand right.

    Parameters
    ----------
    name : str
        Accessible name.
    heads : sequence of Cell
        The line above the columns.
    rows_shown : int
        Rows before it scrolls.
    """

    def __init__(
        self, name: str, heads: Sequence[Cell], rows_shown: int = 6, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._rows_shown = rows_shown
        self._model = _Model(heads, self)
        self.setModel(self._model)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        down, across = self.verticalHeader(), self.horizontalHeader()
        assert down is not None and across is not None
        down.hide()
        down.setMinimumSectionSize(_ROW)
        down.setDefaultSectionSize(_ROW)
        across.setHighlightSections(False)
        across.setMinimumSectionSize(24)
        across.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        across.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    @property
    def texts(self) -> list[list[str]]:
        """What the rows say."""
        return [[cell.text for cell in row] for row in self._model.cells]

    def show_rows(self, cells: Sequence[Sequence[Cell]]) -> None:
        """Show other rows."""
        self._model.show(cells)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Be as high as the rows."""
        head = self.horizontalHeader()
        rows = min(max(self._model.rowCount(), 1), self._rows_shown)
        height = rows * _ROW + 2 * self.frameWidth() + 2 + (head.sizeHint().height() if head else 0)
        return QSize(200, height)

    def minimumSizeHint(self) -> QSize:
        """Never be squeezed below what `sizeHint` shows."""
        return QSize(120, self.sizeHint().height())


def _side(column: int) -> int:
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return int(side | Qt.AlignmentFlag.AlignVCenter)
