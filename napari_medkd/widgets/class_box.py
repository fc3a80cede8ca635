"""The classes, and what a commit does where another class stands already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QHBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_medkd.session.state import OverlapRule
from napari_medkd.widgets.buttons import IconButton
from napari_medkd.widgets.class_table import NAME, ClassTable
from napari_medkd.widgets.inputs import CompactCombo
from napari_medkd.widgets.labels import SPACING, Section, Word
from napari_medkd.widgets.links import Links

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.session.session import Session


class ClassBox(Section):
    """The class table with buttons to add and remove, and the overlap rule.

    Parameters
    ----------
    session : Session
        Whose classes are shown.
    attempt : callable
        Runs an action and shows the MedkdError it raises; True where it went well.
    set_active : callable
        Makes the class of a value active, after asking about an uncommitted proposal where it must.
    """

    def __init__(
        self,
        session: Session,
        attempt: Callable[[Callable[[], object]], bool],
        set_active: Callable[[int], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Classes", parent)
        self._session, self._attempt, self._set_active = session, attempt, set_active
        self.table = ClassTable(session)
        self._add = IconButton("add", "Add class", "Add a class and name it.")
        self._remove = IconButton(
            "remove", "Remove class", "Remove the active class; one that pixels hold stays."
        )
        self._rule = CompactCombo(
            "Overlap rule",
            "What a commit does where another class stands already. Locked classes are never overwritten.",
        )
        for rule in OverlapRule:
            self._rule.addItem(rule.value, rule)
        self.body.addWidget(self.table)
        self.body.addLayout(self._foot())
        self._add.clicked.connect(self._on_add)
        self._remove.clicked.connect(self._on_remove)
        self._rule.activated.connect(self._on_rule)
        self.table.active_requested.connect(self._on_active_requested)
        self.table.colour_requested.connect(self._on_colour_requested)
        links = Links(self)
        for signal in (session.classes_changed, session.volume_changed):
            links.connect(signal, self._on_changed)
        self._on_changed()

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        row.addWidget(self._add)
        row.addWidget(self._remove)
        row.addWidget(Word("Overlap"))
        row.addWidget(self._rule, 1)
        return row

    def _on_changed(self, *_: object) -> None:
        open_ = self._session.volume is not None
        self._remove.setEnabled(open_ and len(self._session.classes) > 1)
        for widget in (self._add, self.table, self._rule):
            widget.setEnabled(open_)
        with signals_blocked(self._rule):
            self._rule.setCurrentIndex(list(OverlapRule).index(self._session.overlap_rule))

    def _on_rule(self, place: int) -> None:
        self._session.set_overlap_rule(list(OverlapRule)[place])

    def _on_add(self) -> None:
        if not self._attempt(lambda: self._session.add_class(self._free_name())):
            return
        newest = self._session.classes[-1].value
        self._on_active_requested(newest)
        row = self.table.classes.row_of(newest)
        self.table.scrollTo(self.table.classes.index(row, NAME))
        self.table.edit(self.table.classes.index(row, NAME))

    def _on_remove(self) -> None:
        value = self._session.active_class.value
        self._attempt(lambda: self._session.remove_class(value))

    def _on_active_requested(self, value: int) -> None:
        self._set_active(value)
        self.table.show_active()

    def _on_colour_requested(self, value: int) -> None:
        row = self.table.classes.row_of(value)
        shown = self.table.classes.class_at(row)
        colour = QColorDialog.getColor(QColor(shown.colour), self, f"Colour of {shown.name}")
        if colour.isValid():
            self._attempt(lambda: self._session.update_class(value, colour=colour.name()))

    def _free_name(self) -> str:
        taken = {found.name for found in self._session.classes}
        number = len(taken) + 1
        while f"class {number}" in taken:
            number += 1
        return f"class {number}"
