"""Which records are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, true

from napari_medkd.corrections.schema import case_part, correction

if TYPE_CHECKING:
    from napari_medkd.corrections.split import Part


@dataclass(frozen=True, slots=True)
class Query:
    """Conditions on records; an empty one takes every record that stands.

    Parameters
    ----------
    ids, cases, labels, models, modalities, origins : tuple of str
        Only these; empty takes any.
    parts : tuple of str
        Only cases for ``training``, ``validation`` or that are ``held-out``; empty takes any.
    everything : bool
        Also records that were taken back, and those that a later correction of the same object replaced.
    """

    ids: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    everything: bool = False

    def condition(self) -> ColumnElement[bool]:
        """Return it for a statement that joins corrections with their cases."""
        wanted: tuple[tuple[Any, tuple[str, ...]], ...] = (
            (correction.c.id, self.ids),
            (correction.c.case_name, self.cases),
            (correction.c.label, self.labels),
            (correction.c.model, self.models),
            (correction.c.modality, self.modalities),
            (correction.c.origin, self.origins),
            (case_part.c.part, self.parts),
        )
        parts: list[ColumnElement[bool]] = [column.in_(values) for column, values in wanted if values]
        if not self.everything:
            parts.append(correction.c.stands)
        return and_(true(), *parts)


EVERY = Query()
