"""The list of models: title and a line of facts for each, installed ones first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QFont, QKeyEvent, QPainter
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_medkd.widgets.drawing import BLUE, GREEN, draw_dot, text_colour
from napari_medkd.widgets.sentences import file_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.widgets.library import ModelRow

_ROW = Qt.ItemDataRole.UserRole
_HEIGHT = 42
_ROWS_SHOWN = 6
# What a model can be given, in the order of the tools; nothing at all comes last.
_TAKES = {"point": "point", "box": "box", "scribble": "scribble", "lasso": "lasso", "auto": "no prompt"}


class ModelList(QListWidget):
    """Models to choose one of; a blue dot marks the one in use, a green one those installed."""

    selected = Signal()
    use_requested = Signal(str)  # double click or Enter on an installed model

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.current_id: str | None = None
        self.default_id = ""
        self.setAccessibleName("Models")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegate(_ModelDelegate(self))
        self.currentItemChanged.connect(self._on_current_changed)
        self.itemActivated.connect(self._on_activated)

    @property
    def chosen(self) -> ModelRow | None:
        """The selected model."""
        item = self.currentItem()
        return None if item is None else item.data(_ROW)

    def show_rows(self, rows: Sequence[ModelRow]) -> None:
        """List models, installed ones first; the selection stays where it was."""
        chosen = self.chosen.id if self.chosen is not None else self.current_id
        with signals_blocked(self):
            self.clear()
            for row in sorted(rows, key=lambda row: not row.installed):
                item = QListWidgetItem(row.title)
                item.setData(_ROW, row)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{row.title}: {facts(row)}")
                item.setToolTip(f"{row.title}\n{facts(row)}")
                self.addItem(item)
                if row.id == chosen:
                    self.setCurrentItem(item)
            if self.currentItem() is None and self.count():
                self.setCurrentRow(0)
        self.updateGeometry()
        self.selected.emit()

    def sizeHint(self) -> QSize:
        """Be as high as a few models; more of them scroll."""
        rows = min(max(self.count(), 2), _ROWS_SHOWN)
        return QSize(200, rows * _HEIGHT + 2 * self.frameWidth() + 2)

    def minimumSizeHint(self) -> QSize:
        """Never be squeezed below what `sizeHint` shows."""
        return QSize(120, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Use the selected model on Enter, on every platform."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_activated(self.currentItem())
        else:
            super().keyPressEvent(event)

    def _on_current_changed(self, *_: object) -> None:
        self.selected.emit()

    def _on_activated(self, item: QListWidgetItem | None) -> None:
        row = None if item is None else item.data(_ROW)
        if row is not None and row.installed:
            self.use_requested.emit(row.id)


def facts(row: ModelRow) -> str:
    """Return a model's state, size and prompts in a line."""
    parts = ["Installed" if row.installed else "To download", file_size(row.size)]
    parts.append(", ".join(word for kind, word in _TAKES.items() if kind in row.capabilities))
    return " · ".join(part for part in parts if part)


class _ModelDelegate(QStyledItemDelegate):
    """Draws title and facts in the host's colours, elided to the width there is."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(100, _HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        models = self.parent()
        assert isinstance(models, ModelList)
        row: ModelRow = index.data(_ROW)
        plain = QStyleOptionViewItem(option)
        self.initStyleOption(plain, index)
        plain.text = ""
        style = models.style()
        assert style is not None
        style.drawControl(style.ControlElement.CE_ItemViewItem, plain, painter, models)
        area: QRect = option.rect.adjusted(22, 4, -6, -4)
        if row.installed:
            colour = BLUE if row.id == models.current_id else GREEN
            draw_dot(painter, QRectF(option.rect.left() + 8, option.rect.top() + 9, 8, 8), colour)
        self._texts(painter, models, area, row)

    def _texts(self, painter: QPainter, models: ModelList, area: QRect, row: ModelRow) -> None:
        tags = [
            word
            for word, shown in (
                ("in use", row.id == models.current_id),
                ("default", row.id == models.default_id),
            )
            if shown
        ]
        tag, font = " · ".join(tags), QFont(models.font())
        painter.save()
        painter.setPen(text_colour(models, faint=True))
        top = Qt.AlignmentFlag.AlignTop
        painter.drawText(area, top | Qt.AlignmentFlag.AlignRight, tag)
        metrics = painter.fontMetrics()
        room = area.width() - (metrics.horizontalAdvance(tag) + 10 if tag else 0)
        bottom = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft
        painter.drawText(
            area, bottom, metrics.elidedText(facts(row), Qt.TextElideMode.ElideRight, area.width())
        )
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(text_colour(models))
        title = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(area, top | Qt.AlignmentFlag.AlignLeft, title)
        painter.restore()
