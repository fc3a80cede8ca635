"""The classes of a session: added, named, coloured, locked and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.session.history import Step
from napari_medkd.session.state import InvalidClass
from napari_medkd.session.stepping import SteppingSession

if TYPE_CHECKING:
    from napari_medkd.session.classes import ClassTable
    from napari_medkd.session.state import LabelClass, OverlapRule


class NamingSession(SteppingSession):
    """The half of a `Session` that keeps the table of classes, each change an undo step."""

    def add_class(self, name: str, value: int | None = None, colour: str | None = None) -> LabelClass:
        """Add a class, with the next free value and a colour unlike the others where none is given."""
        before = {found.value for found in self.classes}
        self._change_classes(f"new class {name.strip()}", self._table.adding(name, value, colour))
        return next(found for found in self.classes if found.value not in before)

    def update_class(
        self, value: int, *, name: str | None = None, colour: str | None = None, locked: bool | None = None
    ) -> LabelClass:
        """Rename, recolour or lock a class; None leaves a field as it is."""
        given = {"name": name, "colour": colour, "locked": locked}
        changes = {field: new for field, new in given.items() if new is not None}
        self._change_classes(
            f"change of class {self._table[value].name}", self._table.changing(value, **changes)
        )
        return self._table[value]

    def remove_class(self, value: int) -> None:
        """Remove a class that no voxel holds; otherwise an error says how many do."""
        ledger = self._open_ledger()
        table = ledger.contents.table.removing(value)
        held = int(np.count_nonzero(ledger.labels == value))
        reopened = ledger.contents.reopened
        if held or (reopened is not None and reopened.value == value):
            what = f"{held} voxels hold" if held else "The object that is open holds"
            name = self._table[value].name
            raise InvalidClass(f"{what} the class {name}.", "Delete its objects before the class.")
        self._change_classes(f"removal of class {self._table[value].name}", table)

    def set_overlap_rule(self, rule: OverlapRule) -> None:
        """Choose what a commit does where another class stands already."""
        self.overlap_rule = rule

    def _change_classes(self, title: str, table: ClassTable) -> None:
        before = self._open_ledger().contents.table
        if table != before:
            self._do(Step(title, classes=(before, table)))
            self._announce_step()
