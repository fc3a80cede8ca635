"""The journal's file: opened for one process alone, its tables made or brought up to date."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = 0x6D65646B  # "medk" in SQLite's header: how we know a file of ours
# The n-th entry takes a file from schema version n to n + 1; a new file starts at 0.
MIGRATIONS: list[tuple[str, ...]] = [
    (
        """CREATE TABLE operation (
            id INTEGER PRIMARY KEY,
            time REAL NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('base', 'do', 'undo', 'redo', 'saved')),
            title TEXT NOT NULL DEFAULT '',
            target INTEGER REFERENCES operation (id),
            committed INTEGER,
            diff BLOB,
            classes_before TEXT,
            classes_after TEXT
        )""",
        """CREATE TABLE object (
            operation INTEGER NOT NULL REFERENCES operation (id),
            role TEXT NOT NULL CHECK (role IN ('before', 'after', 'reopened before', 'reopened after')),
            id INTEGER NOT NULL,
            value INTEGER NOT NULL,
            prompt BLOB NOT NULL,
            mask BLOB NOT NULL,
            score REAL,
            model TEXT NOT NULL
        )""",
        "CREATE INDEX object_operation ON object (operation)",
    ),
    ("ALTER TABLE object ADD COLUMN correction TEXT NOT NULL DEFAULT ''",),
    (
        """CREATE TABLE section (
            object INTEGER NOT NULL,
            axis INTEGER NOT NULL,
            position INTEGER NOT NULL,
            mask BLOB NOT NULL,
            prompt BLOB NOT NULL,
            score REAL
        )""",
        "CREATE INDEX section_object ON section (object)",
    ),
]
_IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_BROKEN = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


class Obstacle(Enum):
    """Why a file cannot be used as a journal."""

    IN_USE = "The journal of this image is in use by another window, so this one keeps its own."
    FOREIGN = "A file in the journal folder is not a journal of ours; it was left alone."
    NEWER = "The journal of this image was written by a newer version of napari-medkd; it was left alone."
    DAMAGED = "The journal of this image is damaged; it was set aside and not deleted."


class Unusable(StorageError):
    """A file cannot be used as a journal; `obstacle` says why."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.value)
        self.obstacle = obstacle


def open_database(path: Path) -> sqlite3.Connection:
    """Open a journal for this process alone, making it where it does not exist.

    Raises `Unusable` where the file is locked, foreign, newer or damaged, `StorageError` where the disk
    does not let us. The lock goes with the process, however it ends.
    """
    with storage_errors():
        connection = sqlite3.connect(path, timeout=0.05, isolation_level=None, check_same_thread=False)
    try:
        with storage_errors():
            _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what SQLite and the disk complain about into a sentence."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code, without its extension
        if code in _IN_USE:
            raise Unusable(Obstacle.IN_USE) from error
        if code in _BROKEN:
            raise Unusable(Obstacle.DAMAGED) from error
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StorageError(
            f"The journal cannot be written: {reason}.",
            "Nothing was changed. Free some space on the disk, or choose another folder with MEDKD_HOME.",
        ) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of a block or nothing of it."""
    with storage_errors():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk makes SQLite roll back by itself
                connection.execute("ROLLBACK")
            raise


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != APPLICATION and not is_empty:
        raise Unusable(Obstacle.FOREIGN)
    if version > len(MIGRATIONS):
        raise Unusable(Obstacle.NEWER)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    with transaction(connection):  # takes the lock, which EXCLUSIVE then keeps
        for statement in (one for step in MIGRATIONS[version:] for one in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise Unusable(Obstacle.DAMAGED)
