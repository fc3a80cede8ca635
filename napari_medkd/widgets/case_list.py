"""The list of cases: a dot for the state, the name, the time spent, and a line on what is known."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent, QPainter
from qtpy.QtWidgets import QAbstractItemView, QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_medkd.widgets.case_rows import ROW, CaseModel, CaseRow
from napari_medkd.widgets.drawing import AMBER, BLUE, GREEN, GREY, RED, draw_dot, text_colour

_HEIGHT = 40
_ROWS_SHOWN = 8
_COLOURS = {"new": GREY, "open": BLUE, "done": GREEN, "skipped": AMBER, "failed": RED}


class CaseList(QListView):
    """Cases to choose one of; drawn row by row as they come into sight.

    Parameters
    ----------
    cases : CaseModel
        What is listed.
    """

    open_requested = Signal(str)  # name of a case: double click or Enter

    def __init__(self, cases: CaseModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cases = cases
        self.setModel(cases)
        self.setAccessibleName("Cases")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setUniformItemSizes(True)  # else Qt asks every one of thousands how high it is
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegate(_CaseDelegate(self))
        self.doubleClicked.connect(self._on_activated)

    @property
    def chosen(self) -> CaseRow | None:
        """The selected case."""
        index = self.currentIndex()
        return self.cases.rows[index.row()] if index.isValid() else None

    def choose(self, name: str) -> None:
        """Select a case and bring it into sight."""
        index = self.cases.index(self.cases.place_of(name))
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def sizeHint(self) -> QSize:
        """Be as high as a few cases; more of them scroll."""
        return QSize(200, _ROWS_SHOWN * _HEIGHT + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """Never be squeezed below what `sizeHint` shows."""
        return QSize(120, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the selected case on Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_activated(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _on_activated(self, index: QModelIndex) -> None:
        if index.isValid():
            self.open_requested.emit(self.cases.rows[index.row()].case.name)


class _CaseDelegate(QStyledItemDelegate):
    """Draws a case in the host's colours, elided to the width there is."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(100, _HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        view = self.parent()
        assert isinstance(view, CaseList)
        row: CaseRow = index.data(ROW)
        plain = QStyleOptionViewItem(option)
        self.initStyleOption(plain, index)
        plain.text = ""
        style = view.style()
        assert style is not None
        style.drawControl(style.ControlElement.CE_ItemViewItem, plain, painter, view)
        left, top = option.rect.left(), option.rect.top()
        draw_dot(painter, QRectF(left + 8, top + 8, 8, 8), _COLOURS[row.note.state])
        painter.save()
        self._texts(painter, view, option.rect.adjusted(22, 3, -6, -4), row)
        painter.restore()

    def _texts(self, painter: QPainter, view: CaseList, area: QRect, row: CaseRow) -> None:
        failed = row.note.state == "failed"
        red = QColor(RED)
        right = " · ".join(filter(None, (_STATES[row.note.state], duration(row.note.seconds))))
        elide, metrics = Qt.TextElideMode, painter.fontMetrics()
        painter.setPen(red if failed else text_colour(view, faint=True))
        painter.drawText(area, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, right)
        line = metrics.elidedText(row.sentence, elide.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, line)
        room = area.width() - (metrics.horizontalAdvance(right) + 10 if right else 0)
        font = QFont(view.font())
        font.setWeight(QFont.Weight.DemiBold if row.note.state == "open" else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(red if failed else text_colour(view))
        name = painter.fontMetrics().elidedText(row.case.name, elide.ElideMiddle, room)
        painter.drawText(area, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, name)


def duration(seconds: float) -> str:
    """Return a time that was spent, ``1:05``; empty for none."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if seconds >= 0.5 else ""


_STATES = {"new": "", "open": "open", "done": "done", "skipped": "skipped", "failed": "failed"}
