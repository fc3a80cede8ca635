"""The classes as a table: colour, name, value and lock, edited in place; the selected row is active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QPainter
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.drawing import draw_icon, text_colour
from napari_medkd.widgets.links import Links

if TYPE_CHECKING:
    from napari_medkd.session.session import Session
    from napari_medkd.session.state import LabelClass

    Index: TypeAlias = "QModelIndex | QPersistentModelIndex"

COLOUR, NAME, VALUE, LOCK = range(4)
_ROW = 26
_ROWS_SHOWN = 5


class ClassModel(QAbstractTableModel):
    """A view of `session.classes` in Qt's words; it keeps nothing but the number of rows it last announced.

    Parameters
    ----------
    session : Session
        Whose classes are shown and edited.
    """

    failed = Signal(object)  # MedkdError of an edit that the session refused

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows = len(session.classes)

    def class_at(self, row: int) -> LabelClass:
        """Return the class of a row."""
        return self._session.classes[row]

    def row_of(self, value: int) -> int:
        """Return the row of a class, -1 where it is not there."""
        return next((row for row, found in enumerate(self._session.classes) if found.value == value), -1)

    def refresh(self) -> None:
        """Tell the view what changed; an editor that is open survives where no row came or went."""
        if len(self._session.classes) != self._rows:
            self.beginResetModel()
            self._rows = len(self._session.classes)
            self.endResetModel()
        elif self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(self._rows - 1, LOCK))

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of classes."""
        return 0 if parent is not None and parent.isValid() else self._rows

    def columnCount(self, parent: Index | None = None) -> int:
        """Return the number of columns."""
        return 4

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let names be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NAME else flags

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """Return what a cell shows, says and edits."""
        if index.row() >= len(self._session.classes):  # between a change and its announcement
            return None
        shown = self.class_at(index.row())
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tooltip(shown, index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _spoken(shown, index.column())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return {NAME: shown.name, VALUE: str(shown.value)}.get(index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == VALUE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def setData(self, index: Index, value: Any, role: int = int(Qt.ItemDataRole.EditRole)) -> bool:
        """Rename a class; what the session refuses is announced by `failed`."""
        name = str(value).strip()
        if index.column() != NAME or not name or name == self.class_at(index.row()).name:
            return False
        return self.change(index.row(), name=name)

    def change(self, row: int, **fields: Any) -> bool:
        """Change fields of a class; False where the session refused."""
        try:
            self._session.update_class(self.class_at(row).value, **fields)
        except MedkdError as error:
            self.failed.emit(error)
            return False
        return True


class ClassTable(QTableView):
    """The table; it asks for what needs the panel and changes names and locks itself.

    Parameters
    ----------
    session : Session
        Whose classes are shown.
    """

    active_requested = Signal(int)  # value of the class to make active
    colour_requested = Signal(int)  # value of the class whose swatch was clicked

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.classes = ClassModel(session, self)
        self.setModel(self.classes)
        self._dress()
        self.clicked.connect(self._on_clicked)
        self._watch_selection()
        links = Links(self)
        links.connect(session.classes_changed, self._on_classes_changed)
        links.connect(session.volume_changed, self._on_classes_changed)
        self._on_classes_changed()

    def sizeHint(self) -> QSize:
        """Be as high as a few rows; more of them scroll."""
        rows = min(max(self.classes.rowCount(), 1), _ROWS_SHOWN)
        return QSize(200, rows * _ROW + 2 * self.frameWidth() + 2)

    def minimumSizeHint(self) -> QSize:
        """Never be squeezed below what `sizeHint` shows."""
        return QSize(120, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave letters and Enter to the panel's keys; arrows choose, F2 renames, Space locks."""
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self._toggle_lock(self.currentIndex().row())
        elif event.text().strip() or event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _dress(self) -> None:
        self.setAccessibleName("Classes")
        self.setToolTip("The selected class is the one that a commit writes into.")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setItemDelegate(_ClassDelegate(self))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None and columns is not None
        rows.hide()
        rows.setDefaultSectionSize(_ROW)
        rows.setMinimumSectionSize(_ROW)
        columns.hide()
        columns.setMinimumSectionSize(20)
        for column, width in ((COLOUR, 28), (VALUE, 46), (LOCK, 28)):
            columns.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            columns.resizeSection(column, width)
        columns.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)

    def _watch_selection(self) -> None:
        selection = self.selectionModel()
        assert selection is not None
        selection.currentRowChanged.connect(self._on_row_changed)

    def _on_classes_changed(self, *_: object) -> None:
        self._showing = True
        try:
            self.classes.refresh()
            if self.classes.rowCount():
                row = self.classes.row_of(self._session.active_class.value)
                if row != self.currentIndex().row() or not self.selectedIndexes():
                    self.setCurrentIndex(self.classes.index(row, NAME))
        finally:
            self._showing = False
        self.updateGeometry()

    def _on_row_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and not self._showing:
            self.active_requested.emit(self.classes.class_at(current.row()).value)

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.column() == COLOUR:
            self.colour_requested.emit(self.classes.class_at(index.row()).value)
        elif index.column() == LOCK:
            self._toggle_lock(index.row())

    def _toggle_lock(self, row: int) -> None:
        self.classes.change(row, locked=not self.classes.class_at(row).locked)

    def show_active(self) -> None:
        """Select the session's active class again, after another could not be made active."""
        self._on_classes_changed()


class _ClassDelegate(QStyledItemDelegate):
    """Draws colours as swatches and locks as padlocks, in the host's colours."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        table = self.parent()
        assert isinstance(table, ClassTable)
        centre = QRectF(option.rect).center()
        if index.row() >= table.classes.rowCount():
            return
        shown = table.classes.class_at(index.row())
        if index.column() == COLOUR:
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(shown.colour))
            painter.drawRoundedRect(QRectF(centre.x() - 7, centre.y() - 7, 14, 14), 3, 3)
            painter.restore()
        elif index.column() == LOCK:
            colour = text_colour(table, faint=not shown.locked)
            area = QRectF(centre.x() - 7, centre.y() - 7, 14, 14)
            draw_icon(painter, "lock" if shown.locked else "unlock", area, colour)


def _spoken(shown: LabelClass, column: int) -> str:
    lock = "locked" if shown.locked else "unlocked"
    return (f"colour {shown.colour}", shown.name, f"value {shown.value}", lock)[column]


def _tooltip(shown: LabelClass, column: int) -> str:
    return {
        COLOUR: f"Colour of “{shown.name}”: click to change it.",
        NAME: f"{shown.name}\nClick: commits go into this class. Double click or F2: rename it.",
        VALUE: f"Its pixels have the value {shown.value} in the saved mask.",
        LOCK: (
            "Locked: nothing can change its pixels. Click or Space unlocks it."
            if shown.locked
            else "Unlocked. Click or Space locks it, so that nothing can change its pixels."
        ),
    }[column]
