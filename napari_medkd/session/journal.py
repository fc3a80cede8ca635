"""Every committed step on disk, so that a crash loses at most the object in hand.

One SQLite file an image, named after the image's content and never after its file or its patient. Rows are
only ever added, and all of one step is one transaction. Undo and redo are rows, too, so that replaying a file
gives the labels as they were. A process that dies leaves a file that the next `find` reads.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from napari_medkd.errors import StorageError
from napari_medkd.session.database import Obstacle, Unusable, open_database, storage_errors, transaction
from napari_medkd.session.replay import dump_classes, read

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from napari_medkd.session.classes import ClassTable
    from napari_medkd.session.diff import Diff
    from napari_medkd.session.history import Step
    from napari_medkd.session.replay import Replay
    from napari_medkd.session.state import CommittedObject, LabelClass

_SLOTS = 20  # journals of one image side by side: windows that have it open, and foreign files in the way
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an unfinished journal holds.

    Parameters
    ----------
    path : Path
        Its file.
    objects : int
        Committed objects.
    when : datetime
        When the last of it was done, local time.
    classes : tuple of LabelClass
        Its classes.
    """

    path: Path
    objects: int
    when: datetime
    classes: tuple[LabelClass, ...]

    def __str__(self) -> str:
        many = "1 object" if self.objects == 1 else f"{self.objects} objects"
        names = ", ".join(found.name for found in self.classes[:5])
        more = f" and {len(self.classes) - 5} more" if len(self.classes) > 5 else ""
        return f"{many} ({names}{more}), last changed on {self.when:%Y-%m-%d at %H:%M}."


class Journal:
    """One open journal; nobody else can use its file until it is closed or this process ends."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(
        cls, folder: Path, content_id: str, base: Diff | None, table: ClassTable
    ) -> tuple[Journal, Obstacle | None]:
        """Begin a journal of labels that are `base` now; also says what stood in the way, if anything."""
        with storage_errors():
            folder.mkdir(parents=True, exist_ok=True)
        obstacle = None
        for path in _slots(folder, content_id):
            try:
                journal = cls(path, open_database(path))
            except Unusable as error:
                obstacle = obstacle or error.obstacle
                continue
            if journal.replay() is None:
                journal._begin(base, table)
                return journal, obstacle
            journal.close()
        raise StorageError("Too many journals of this image are in use.", "Close some of its windows.")

    def replay(self) -> Replay | None:
        """Read it from its first row to its last; None where nothing was ever written."""
        with storage_errors():
            return read(self._connection)

    def append(self, step: Step) -> None:
        """Write a step, all of it or nothing; afterwards the step knows its row."""
        before, after = step.classes or (None, None)
        with transaction(self._connection):
            number = self._insert(
                "do",
                title=step.title,
                committed=step.committed,
                diff=step.diff.to_bytes() if step.diff else None,
                classes_before=dump_classes(before) if before else None,
                classes_after=dump_classes(after) if after else None,
            )
            for role, found in _sides(step):
                self._insert_object(number, role, found)
        step.operation = number

    def append_move(self, step: Step, kind: str) -> None:
        """Write that a step was taken back (`kind` "undo") or done again ("redo")."""
        with transaction(self._connection):
            self._insert(kind, target=step.operation)

    def mark_saved(self) -> None:
        """Write that all of it is in a file of the user's now."""
        with transaction(self._connection):
            self._insert("saved")

    def close(self) -> None:
        """Let the file go; calling twice is harmless."""
        self._connection.close()

    def delete(self) -> None:
        """Close and delete the file: all that it holds is saved elsewhere, or it holds nothing."""
        self.close()
        with storage_errors():
            for path in _parts(self.path):
                path.unlink(missing_ok=True)

    def set_aside(self) -> None:
        """Close the file and give it a name that `find` does not look at."""
        self.close()
        _rename(self.path, "aside")

    def _begin(self, base: Diff | None, table: ClassTable) -> None:
        with transaction(self._connection):
            diff = base.to_bytes() if base else None
            self._insert("base", diff=diff, classes_after=dump_classes(table))

    def _insert(self, kind: str, **columns: object) -> int:
        names = ", ".join(("time", "kind", *columns))
        marks = ", ".join("?" * (len(columns) + 2))
        sql = f"INSERT INTO operation ({names}) VALUES ({marks})"
        number = self._connection.execute(sql, (time.time(), kind, *columns.values())).lastrowid
        assert number is not None
        return number

    def _insert_object(self, number: int, role: str, found: CommittedObject) -> None:
        mask = found.packed_mask.to_bytes()
        row = self._connection.execute(
            "INSERT INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(number, role, found.id, found.value, found.packed_prompt, mask, found.score),
                *(found.model_id, found.correction),
            ),
        ).lastrowid
        if found.stack is not None:
            axis, sections = found.stack.axis, found.stack.sections
            rows = (
                (row, axis, at, one.mask.to_bytes(), one.prompt, one.score) for at, one in sections.items()
            )
            self._connection.executemany("INSERT INTO section VALUES (?, ?, ?, ?, ?, ?)", rows)


def find(folder: Path, content_id: str) -> tuple[Journal | None, Replay | None, list[Obstacle]]:
    """Open the newest unfinished journal of an image, if there is one, and say what stood in the way.

    Damaged files are set aside; finished ones, whose labels the user has in a file, are deleted; locked,
    foreign and newer ones are left alone.
    """
    best: tuple[Journal, Replay] | None = None
    obstacles: list[Obstacle] = []
    for path in _slots(folder, content_id):
        if not path.exists():
            continue
        try:
            journal, replay = _open(path)
            if replay is None or replay.is_saved:
                journal.delete()
                continue
        except Unusable as error:
            obstacles.append(error.obstacle)
            if error.obstacle is Obstacle.DAMAGED:
                _rename(path, "damaged")
            continue
        except StorageError:  # the disk does not let us: said again, as an error, at the first commit
            _log.warning("A journal could not be read.", exc_info=True)
            continue
        if best is None or best[1].time < replay.time:
            if best is not None:
                best[0].close()
            best = journal, replay
        else:
            journal.close()
    return (*best, obstacles) if best else (None, None, obstacles)


def describe(path: Path, replay: Replay) -> Recovery:
    """Say what a journal holds; an object that was open for correction counts."""
    contents = replay.contents
    count = len(contents.objects) + (contents.reopened is not None)
    return Recovery(path, count, datetime.fromtimestamp(replay.time), contents.table.classes)


def _open(path: Path) -> tuple[Journal, Replay | None]:
    journal = Journal(path, open_database(path))
    try:
        return journal, journal.replay()
    except BaseException:
        journal.close()
        raise


def _sides(step: Step) -> Iterator[tuple[str, CommittedObject]]:
    """Every object that a step holds, with its role."""
    roles = [("", change) for change in step.objects]
    roles += [("reopened ", step.reopened)] if step.reopened else []
    for prefix, change in roles:
        if change.before is not None:
            yield f"{prefix}before", change.before
        if change.after is not None:
            yield f"{prefix}after", change.after


def _slots(folder: Path, content_id: str) -> list[Path]:
    numbers = ["", *(f".{number}" for number in range(2, _SLOTS + 1))]
    return [folder / f"{content_id}{number}.sqlite" for number in numbers]


def _parts(path: Path) -> list[Path]:
    """The file and those that SQLite keeps beside it."""
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))]


def _rename(path: Path, label: str) -> None:
    """Move a journal, with what SQLite keeps beside it, to a free name that `_slots` does not give."""
    stamp = f"{path.stem}.{label}-{datetime.now():%Y%m%d-%H%M%S}"
    number = 1
    while (target := path.with_name(f"{stamp}-{number}.sqlite")).exists():
        number += 1
    with storage_errors():
        for old, new in zip(_parts(path), _parts(target), strict=True):
            if old.exists():
                old.rename(new)
