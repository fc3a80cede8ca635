"""Records as rows of the database, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import insert, select, update

from napari_medkd.corrections.record import Record
from napari_medkd.corrections.schema import array_use, correction, upgraded
from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


_COLUMNS = {
    *("id", "source", "axis", "label", "modality", "model", "origin"),
    *("dice", "dice_first", "seconds"),
}


def write(connection: Connection, records: Sequence[Record]) -> None:
    """Add the rows of new records."""
    connection.execute(insert(correction), [_columns(record) for record in records])
    uses = [
        {"correction": record.id, "digest": digest} for record in records for digest in set(record.digests)
    ]
    connection.execute(insert(array_use), uses)


def read(content: str) -> Record:
    """Make a record of the content of its row, whatever version of ours wrote it."""
    try:
        return Record.model_validate(upgraded(json.loads(content)))
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            "A record of a correction cannot be understood.",
            "It may come from a newer napari-medkd, or the database is damaged: bring it back from a backup.",
        ) from error


def find(connection: Connection, id: str) -> Record | None:
    """Return the record of an id; None where there is none."""
    content = connection.scalar(select(correction.c.content).where(correction.c.id == id))
    return None if content is None else read(content)


def beginning_with(connection: Connection, start: str) -> list[Record]:
    """Return at most two records whose id begins so: enough to tell whether it is one."""
    column = correction.c.id
    statement = select(correction.c.content).where(column.startswith(start, autoescape=True)).limit(2)
    return [read(content) for content in connection.scalars(statement)]


def set_stands(connection: Connection, ids: Sequence[str], stands: bool) -> int:
    """Say of records whether they stand; returns how many there are."""
    statement = update(correction).where(correction.c.id.in_(ids)).values(stands=stands)
    return int(connection.execute(statement).rowcount)


def _columns(record: Record) -> dict[str, Any]:
    return record.model_dump(include=_COLUMNS) | {
        "case_name": record.case,
        "slice": record.index,
        "clicks": record.clicks,
        "time": record.time.timestamp(),
        "content": record.model_dump_json(),
    }
