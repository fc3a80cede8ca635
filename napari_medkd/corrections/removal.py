"""Removing records for good, with the arrays that nobody else needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from napari_medkd.corrections.schema import array_use, case_part, correction, doomed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from napari_medkd.corrections.arrays import ArrayStore
    from napari_medkd.corrections.database import Database
    from napari_medkd.corrections.query import Query

_AT_ONCE = 500  # values in one statement; far below every database's limit


class Removal:
    """What takes records and arrays away.

    Rows go first, in one transaction that also notes which files are to go. The files follow while nobody can
    add; `finish` does what an interrupted removal left. A file is deleted only where no row needs it, so an
    array that a new record took up meanwhile stays.
    """

    def __init__(self, database: Database, arrays: ArrayStore) -> None:
        self._database = database
        self._arrays = arrays

    def remove(self, query: Query, cases: Sequence[str] = ()) -> int:
        """Remove the records of a query, and `cases` from the split; returns how many records went."""
        wanted = select(correction.c.id).join(case_part).where(query.condition())
        with self._database.writing() as connection:
            ids = list(connection.scalars(wanted))
            for start in range(0, len(ids), _AT_ONCE):
                _delete_rows(connection, ids[start : start + _AT_ONCE])
            connection.execute(delete(case_part).where(case_part.c.name.in_(cases)))
        self.finish()
        self.sweep()
        self._database.forget_deleted()
        return len(ids)

    def finish(self) -> None:
        """Delete the files of removed records, also those of a removal that was interrupted."""
        with self._database.reading() as connection:
            left = list(connection.scalars(select(doomed.c.digest)))
        self._delete_files(left)

    def sweep(self) -> int:
        """Delete arrays that no record ever came to need; returns how many."""
        return self._delete_files(list(self._arrays.digests()))

    def _delete_files(self, digests: Sequence[str]) -> int:
        """Delete those arrays that nobody needs."""
        removed = 0
        for start in range(0, len(digests), _AT_ONCE):
            some = digests[start : start + _AT_ONCE]
            with self._database.writing() as connection:  # nobody takes one up before it is gone
                digest = array_use.c.digest
                needed = set(connection.scalars(select(digest).where(digest.in_(some))))
                for unused in set(some) - needed:
                    self._arrays.remove(unused)
                    removed += 1
                connection.execute(delete(doomed).where(doomed.c.digest.in_(some)))
        return removed


def _delete_rows(connection: Connection, ids: Sequence[str]) -> None:
    """Delete records, and note the arrays that they alone needed."""
    theirs = select(array_use.c.digest).where(array_use.c.correction.in_(ids)).distinct()
    digests = list(connection.scalars(theirs))
    connection.execute(delete(array_use).where(array_use.c.correction.in_(ids)))
    still = set(connection.scalars(select(array_use.c.digest).where(array_use.c.digest.in_(digests))))
    noted = set(connection.scalars(select(doomed.c.digest).where(doomed.c.digest.in_(digests))))
    gone = [{"digest": digest} for digest in sorted(set(digests) - still - noted)]
    if gone:
        connection.execute(insert(doomed), gone)
    connection.execute(delete(correction).where(correction.c.id.in_(ids)))
