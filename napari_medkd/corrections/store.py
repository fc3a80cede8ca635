"""The corrections of a user or a team: records in a database, arrays in files named after their content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import select

from napari_medkd.corrections import rows, summary
from napari_medkd.corrections.arrays import ArrayStore
from napari_medkd.corrections.database import Database
from napari_medkd.corrections.query import EVERY, Query
from napari_medkd.corrections.record import About, Correction, Record
from napari_medkd.corrections.removal import Removal
from napari_medkd.corrections.schema import SECRET_KEY, about_store, case_part, correction
from napari_medkd.corrections.split import assign, check
from napari_medkd.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.corrections.split import Part

_PAGE = 500  # records read at a time: memory stays small however many there are
_SEE_CASES = "See: medkd corrections list --by case"


class CorrectionStore:
    """Records that are only ever added, with the arrays that they need.

    Every method may be called from any thread, and any number of processes may have the same store open: one
    writes at a time, the others wait their turn. What `add` returned is on the disk.

    Parameters
    ----------
    database : path or str
        A file, or ``postgresql://USER@HOST/NAME``.
    arrays : str
        Where the arrays are: a folder, or a URL that fsspec knows. Empty takes the folder ``arrays`` beside
        the file; with PostgreSQL it must be a place that everybody reaches, so it must be given.
    """

    def __init__(self, database: str | Path, arrays: str = "") -> None:
        self._database = Database(str(database))
        try:
            self.arrays = ArrayStore(arrays or self._database.folder_beside("arrays"))
            self._removal = Removal(self._database, self.arrays)
            self._removal.finish()
        except BaseException:
            self._database.close()
            raise

    # --- adding -------------------------------------------------------------------------------------------
    def add(self, given: Correction, part: Part | None = None) -> Record:
        """Keep a correction, whole or not at all; returns its record.

        Adding one of the same id again does nothing and returns the record that is there, so whoever does not
        know whether an earlier attempt came through may try again.

        Parameters
        ----------
        given : Correction
            What was seen, proposed and accepted.
        part : str or None
            What its case is for, where that case is new; None leaves it to the store (see `split.part_for`).

        Raises
        ------
        StorageError
            The database or the arrays cannot be written; nothing was added then.
        """
        record = self._put_arrays(given)
        with self._database.writing() as connection:
            known = rows.find(connection, record.id)
            if known is not None:
                return known
            self._put_arrays(given)  # a deletion may have taken them since: it waits for us from here on
            assign(connection, record.case, part)
            rows.write(connection, [record])
            if record.replaces:
                rows.set_stands(connection, [record.replaces], False)
        return record

    def withdraw(self, ids: Iterable[str], *, revive: bool = True) -> int:
        """Take records back, as when a commit is undone; returns how many there were.

        They stay, and no query finds them by itself. A record that one of them had replaced stands again,
        unless `revive` is False, as when the object was deleted.
        """
        return self._set_stands(list(ids), False, revive)

    def restore(self, ids: Iterable[str]) -> int:
        """Have records that were taken back stand again, in the place of those that they had replaced."""
        return self._set_stands(list(ids), True, True)

    # --- reading ------------------------------------------------------------------------------------------
    def records(self, query: Query = EVERY, newest_first: bool = False) -> Iterator[Record]:
        """Yield records in the order in which they were added, a page at a time."""
        number = correction.c.number
        last: int | None = None
        while True:
            statement = select(number, correction.c.content).join(case_part).where(query.condition())
            if last is not None:
                statement = statement.where(number < last if newest_first else number > last)
            statement = statement.order_by(number.desc() if newest_first else number).limit(_PAGE)
            with self._database.reading() as connection:
                page = connection.execute(statement).all()
            for found in page:
                yield rows.read(found.content)
            if len(page) < _PAGE:
                return
            last = page[-1].number

    def record(self, name: str) -> Record:
        """Return a record by its id, or by the first characters of it where they are enough."""
        with self._database.reading() as connection:
            found = rows.find(connection, name)
            likely = rows.beginning_with(connection, name) if found is None and name else []
        if found is not None or len(likely) == 1:
            return found or likely[0]
        problem = "More than one correction begins with" if likely else "There is no correction"
        raise UnknownName(f"{problem} {name!r}.", "See: medkd corrections list")

    def load(self, record: Record) -> Correction:
        """Read the arrays of a record; a missing or damaged one is a `StorageError`."""
        get = self.arrays.get
        return Correction(
            record,
            get(record.image),
            get(record.accepted),
            get(record.proposal) if record.proposal else None,
            get(record.edits) if record.edits else None,
        )

    def image(self, record: Record) -> NDArray[np.uint8]:
        """Read the slice as the model saw it, (rows, columns, 1 or 3) uint8."""
        return self.arrays.get(record.image)

    def accepted(self, record: Record) -> NDArray[np.bool_]:
        """Read the accepted mask, (rows, columns)."""
        return self.arrays.get(record.accepted)

    def count(self, query: Query = EVERY) -> int:
        """Return how many records there are."""
        with self._database.reading() as connection:
            return summary.count(connection, query)

    def by_class(self, query: Query = EVERY) -> list[summary.ClassSummary]:
        """Sum up what was collected, a row a class."""
        with self._database.reading() as connection:
            return summary.by_class(connection, query)

    def by_case(self, query: Query = EVERY) -> list[summary.CaseSummary]:
        """Sum up what was collected, a row a case, in the order in which cases came."""
        with self._database.reading() as connection:
            return summary.by_case(connection, query)

    def fingerprints(self, query: Query = EVERY) -> dict[str, str]:
        """Return id → fingerprint of records: what a run notes of what it learns from."""
        return {record.id: record.fingerprint for record in self.records(query)}

    # --- cases --------------------------------------------------------------------------------------------
    def part_of(self, case: str) -> Part:
        """Return what a case is for."""
        with self._database.reading() as connection:
            part = connection.scalar(select(case_part.c.part).where(case_part.c.name == case))
        if part is None:
            raise UnknownName(f"There is no case {case!r} among the corrections.", _SEE_CASES)
        return check(part)

    def pseudonym(self, name: str) -> str:
        """Return a name for a case that tells nothing of `name` without the secret of this store.

        The same name gives the same pseudonym in the same store, so two images of a patient can share a case
        and the patient's id is written nowhere.
        """
        with self._database.reading() as connection:
            statement = select(about_store.c.value).where(about_store.c.key == SECRET_KEY)
            secret = str(connection.scalar(statement))
        keyed = hashlib.blake2b(name.encode(), key=secret.encode()[:64], digest_size=8)
        return f"case-{keyed.hexdigest()}"

    # --- deleting -----------------------------------------------------------------------------------------
    def delete_cases(self, cases: Sequence[str]) -> int:
        """Remove every trace of cases: records, also withdrawn ones, their arrays, their place in the split.

        Returns how many records went. A case that is not there is an `UnknownName`, and nothing is removed.
        Arrays that a record of another case needs, too, stay.
        """
        for case in cases:
            self.part_of(case)
        return self._removal.remove(Query(cases=tuple(cases), everything=True), cases) if cases else 0

    def delete_records(self, ids: Sequence[str]) -> int:
        """Remove records and the arrays that no other needs; returns how many went."""
        return self._removal.remove(Query(ids=tuple(ids), everything=True)) if ids else 0

    def sweep(self) -> int:
        """Remove arrays that no record needs, as an interrupted `add` leaves them; returns how many."""
        return self._removal.sweep()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _set_stands(self, ids: list[str], stands: bool, revive: bool) -> int:
        with self._database.writing() as connection:
            count = rows.set_stands(connection, ids, stands)
            if not revive:
                return count
            found = (rows.find(connection, name) for name in ids)
            replaced = [record.replaces for record in found if record is not None and record.replaces]
            rows.set_stands(connection, replaced, not stands)
        return count

    def _put_arrays(self, given: Correction) -> Record:
        """Write the arrays of a correction that are not there yet, and make its record."""
        put = self.arrays.put
        return Record(
            **given.about.model_dump(include=set(About.model_fields)),
            image=put(given.image),
            accepted=put(given.accepted),
            proposal=put(given.proposal) if given.proposal is not None else "",
            edits=put(given.edits) if given.edits is not None else "",
            dice=given.dice,
        )
