"""The classes of a result: their values, names, colours and locks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_medkd.errors import UnknownName
from napari_medkd.session.state import InvalidClass, LabelClass

if TYPE_CHECKING:
    from collections.abc import Iterable

# Told apart by people with any common colour blindness, and bright enough on a dark image: the scheme of
# Okabe and Ito without black and its darkest blue, then Paul Tol's "light" scheme.
PALETTE = (
    "#e69f00",
    "#56b4e9",
    "#cc79a7",
    "#f0e442",
    "#d55e00",
    "#009e73",
    "#77aadd",
    "#ffaabb",
    "#bbcc33",
    "#99ddff",
    "#ee8866",
    "#eedd88",
    "#44bb99",
)
_LAST_NUMBER = re.compile(r"\d+$")


@dataclass(frozen=True, slots=True)
class ClassTable:
    """All classes by rising value, and the one that commits go into; changing it returns another."""

    classes: tuple[LabelClass, ...]
    active: int

    @classmethod
    def fresh(cls, values: Iterable[int] = ()) -> ClassTable:
        """Return the classes of a new result that holds `values` already: one at least."""
        table = cls((), 0)
        for value in sorted(values) or [1]:
            table = table.adding(f"object {value}", value)
        return table.activating(table.classes[0].value)

    def __getitem__(self, value: int) -> LabelClass:
        for found in self.classes:
            if found.value == value:
                return found
        known = ", ".join(f"{found.value} ({found.name})" for found in self.classes)
        raise UnknownName(f"There is no class with the value {value}.", f"Known: {known}.")

    def __contains__(self, value: object) -> bool:
        return any(found.value == value for found in self.classes)

    @property
    def locked(self) -> tuple[int, ...]:
        """The values that must not be touched."""
        return tuple(found.value for found in self.classes if found.locked)

    def activating(self, value: int) -> ClassTable:
        """Return the table with another active class."""
        return replace(self, active=self[value].value)

    def adding(self, name: str, value: int | None = None, colour: str | None = None) -> ClassTable:
        """Return the table with one more class; the next free value and colour where none is given."""
        if value is None:
            value = max((found.value for found in self.classes), default=0) + 1
        if value in self:
            raise InvalidClass(f"The value {value} belongs to {self[value].name} already.", "Choose another.")
        self._check_name(name)
        made = _valid({"value": value, "name": name.strip(), "colour": colour or self._next_colour()})
        classes = sorted((*self.classes, made), key=lambda found: found.value)
        return replace(self, classes=tuple(classes))

    def having(self, name: str) -> ClassTable:
        """Return the table with the class of a name active, made where it is not there; "" for no other."""
        if not name:
            return self
        table = self if name in {found.name for found in self.classes} else self.adding(name)
        return table.activating(next(found.value for found in table.classes if found.name == name))

    def changing(self, value: int, **changes: Any) -> ClassTable:
        """Return the table with other fields of one class."""
        old = self[value]
        if "name" in changes and changes["name"] != old.name:
            self._check_name(changes["name"])
        new = _valid(old.model_dump() | changes)
        return replace(self, classes=tuple(new if found is old else found for found in self.classes))

    def removing(self, value: int) -> ClassTable:
        """Return the table without a class; its neighbour becomes active where it was."""
        gone = self[value]
        left = tuple(found for found in self.classes if found is not gone)
        if not left:
            raise InvalidClass(f"{gone.name} is the only class.", "Rename it instead.")
        return ClassTable(left, left[0].value if self.active == value else self.active)

    def next_name(self) -> str:
        """Return the active class's name with the next free number: "nucleus 2" after "nucleus"."""
        name = self[self.active].name
        found = _LAST_NUMBER.search(name)
        stem, number = (name[: found.start()], int(found[0]) + 1) if found else (f"{name} ", 2)
        taken = {found.name for found in self.classes}
        while f"{stem}{number}" in taken:
            number += 1
        return f"{stem}{number}"

    def _next_colour(self) -> str:
        used = [found.colour for found in self.classes]
        return min(PALETTE, key=used.count)  # the first of those used least

    def _check_name(self, name: str) -> None:
        if name.strip() in {found.name for found in self.classes}:
            raise InvalidClass(f'There is a class "{name.strip()}" already.', "Choose another name.")


def _valid(fields: dict[str, Any]) -> LabelClass:
    try:
        return LabelClass.model_validate(fields | {"colour": str(fields["colour"]).lower()})
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidClass(
            f"This class cannot be: {first['loc'][0]} {fields[str(first['loc'][0])]!r} is not valid.",
            "A class has a value from 1 to 65535, a name, and a colour like #e69f00.",
        ) from error
