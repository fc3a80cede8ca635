"""The table of suggestions: choosing one shows it; thousands cost what is on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from napari_medkd.widgets.drawing import draw_dot
from napari_medkd.widgets.suggestion_rows import NAME, SCORE, SIZE, SLICES, STATUS, SuggestionModel, colour_of

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent, QPainter

    from napari_medkd.session.session import Session
    from napari_medkd.session.suggestion import Key, Suggestion

_ROW = 22
_ROWS_SHOWN = 12
_FEWEST = 4


class SuggestionTable(QTableView):
    """Suggestions to choose one of.

    Parameters
    ----------
    session : Session
        Whose suggestions are shown.
    """

    chosen = Signal()  # another row, by the user

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._quiet = False
        self._key: Key | None = None  # of the row that is chosen: it moves when it is decided about
        self.rows = SuggestionModel(session, self)
        self.setModel(self.rows)
        self._dress()
        selection = self.selectionModel()
        assert selection is not None
        selection.currentRowChanged.connect(self._on_row)

    @property
    def current(self) -> Suggestion | None:
        """The suggestion that is chosen."""
        return self.rows.at(self.rows.row_of(self._key)) if self._key is not None else None

    def refresh(self) -> bool:
        """Read the suggestions again; tells whether the chosen one has another in its place now.

        Where it was decided about, the next one that is not takes its place.
        """
        key, row = self._key, self.currentIndex().row()
        waiting = self.rows.row_of(key) < self.rows.undecided if key is not None else False
        self._quiet = True
        self.rows.refresh()
        self._quiet = False
        self.setColumnHidden(SLICES, self._session.volume is None or self._session.volume.shape[0] == 1)
        place = self.rows.row_of(key) if key is not None else -1
        moved = waiting and (place < 0 or place >= self.rows.undecided)
        if moved and self.rows.undecided:
            self.choose_row(min(max(row, 0), self.rows.undecided - 1))
            return True
        if place >= 0:
            self.choose_row(place)
        else:
            self._key = None
            self.clearSelection()
        self.updateGeometry()
        return False

    def choose_row(self, row: int) -> None:
        """Choose a row, without a signal."""
        one = self.rows.at(row)
        if one is None:
            return
        self._key, self._quiet = one.key, True
        self.setCurrentIndex(self.rows.index(row, SCORE))
        self._quiet = False

    def step(self, by: int) -> None:
        """Choose the next row, or the one before, as a user does."""
        row = self.rows.row_of(self._key) if self._key is not None else -1
        if self.rows.rowCount():
            self.setCurrentIndex(self.rows.index(max(0, min(row + by, self.rows.rowCount() - 1)), SCORE))

    def sizeHint(self) -> QSize:
        """Be as high as some rows; more of them scroll."""
        head = self.horizontalHeader()
        rows = min(max(self.rows.rowCount(), _FEWEST), _ROWS_SHOWN)
        height = rows * _ROW + 2 * self.frameWidth() + 2 + (head.sizeHint().height() if head else 0)
        return QSize(200, height)

    def minimumSizeHint(self) -> QSize:
        """Never be squeezed below what `sizeHint` shows."""
        return QSize(120, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave letters, Enter and Delete to the panel's keys; arrows choose."""
        moves = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
        if event.key() in (*moves, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Tab):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _dress(self) -> None:
        self.setAccessibleName("Suggestions")
        self.setToolTip("Choosing one shows it on the image.")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setItemDelegate(_Delegate(self))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        down, across = self.verticalHeader(), self.horizontalHeader()
        assert down is not None and across is not None
        down.hide()
        down.setMinimumSectionSize(_ROW)
        down.setDefaultSectionSize(_ROW)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across.setHighlightSections(False)
        across.setMinimumSectionSize(20)
        for column, width in ((SCORE, 60), (SIZE, 80), (SLICES, 62), (STATUS, 24)):
            across.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            across.resizeSection(column, width)
        across.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)

    def _on_row(self, current: QModelIndex, _before: QModelIndex) -> None:
        one = self.rows.at(current.row())
        if one is not None and not self._quiet:
            self._key = one.key
            self.chosen.emit()


class _Delegate(QStyledItemDelegate):
    """Puts a dot in the colour of the outline before the score."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        table = self.parent()
        assert isinstance(table, SuggestionTable)
        one = table.rows.at(index.row())
        if index.column() == SCORE and one is not None:
            middle = QRectF(option.rect).center().y()
            draw_dot(painter, QRectF(option.rect.left() + 6, middle - 4, 8, 8), colour_of(one.score))
