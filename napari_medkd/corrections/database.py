"""The database behind a store: opened, its tables made or brought up to date, one writer at a time."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, create_engine, event, insert, make_url, select, text, update
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError, SQLAlchemyError

from napari_medkd.corrections import schema
from napari_medkd.errors import InvalidSetting, StorageError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_PATIENCE = 30  # seconds to wait for another writer
_LOCK = 0x6D65646B  # "medk": the advisory lock that writers of a PostgreSQL store take in turn


class Database:
    """Connections to the database of a store.

    Parameters
    ----------
    url : str
        A file, or ``postgresql://USER@HOST/NAME`` for a team.
    """

    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self._engine = _engine(self._url)
        try:
            with self.writing() as connection:
                _prepare(connection)
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def is_file(self) -> bool:
        """Whether it is a file on this computer."""
        return self._url.get_backend_name() == "sqlite"

    def folder_beside(self, name: str) -> str:
        """Return the folder of a name beside the file; a database that is no file has none."""
        if not self.is_file:
            raise InvalidSetting(
                "A database for a team needs a place for the arrays that all of the team reaches.",
                "Give a shared folder or a URL for the arrays, too.",
            )
        return str(Path(str(self._url.database)).absolute().parent / name)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the store throughout."""
        with _errors("read"), self._engine.connect() as connection:
            if self.is_file:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection that nobody else writes beside; all of the block is done, or nothing."""
        with _errors("written"), self._engine.connect() as connection:
            if self.is_file:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def forget_deleted(self) -> None:
        """Leave no trace of deleted rows in the files: SQLite's log is emptied into its file."""
        if not self.is_file:
            return
        with _errors("written"), self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _parsed(url: str) -> URL:
    if "://" not in url:
        return URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise InvalidSetting(
            "The database of the corrections is not given as a URL.",
            "Name a file, or give postgresql://USER@HOST/NAME.",
        ) from error
    if backend not in ("sqlite", "postgresql"):
        raise InvalidSetting(
            f"Corrections cannot be kept in a database of the kind {backend}.",
            "Name a file, or give postgresql://USER@HOST/NAME.",
        )
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    except ModuleNotFoundError as error:
        raise missing_extra("psycopg", "team", "A store on PostgreSQL") from error


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidSetting("A store of corrections needs a file.", "Name one.")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder of the corrections could not be made: {error.strerror or error}.",
            "Choose another place, or set MEDKD_HOME to a folder that can be written.",
        ) from error
    engine = create_engine(url, connect_args={"timeout": _PATIENCE, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver's comes too late to lock
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _prepare(connection: Connection) -> None:
    """Make the tables, or bring those of an older version up to date."""
    schema.about_store.create(connection, checkfirst=True)
    key, value = schema.about_store.c.key, schema.about_store.c.value
    found = connection.scalar(select(value).where(key == schema.VERSION_KEY))
    if found is None:
        schema.metadata.create_all(connection)
        rows = {schema.VERSION_KEY: str(schema.version()), schema.SECRET_KEY: secrets.token_hex(32)}
        connection.execute(insert(schema.about_store), [{"key": k, "value": v} for k, v in rows.items()])
        return
    if int(found) > schema.version():
        raise StorageError(
            f"These corrections were written by a newer napari-medkd (form {found}; this one knows "
            f"{schema.version()}).",
            "Update napari-medkd.",
        )
    for migrate in schema.MIGRATIONS[int(found) - 1 :]:
        migrate(connection)
    now = str(schema.version())
    connection.execute(update(schema.about_store).where(key == schema.VERSION_KEY).values(value=now))


@contextmanager
def _errors(deed: str) -> Iterator[None]:
    """Turn what the database complains about into a sentence, without the URL: it may hold a password."""
    try:
        yield
    except OperationalError as error:
        reason = _reason(error)
        is_full = "full" in reason or "No space" in reason
        hint = "Free some space on the disk." if is_full else "Check that the place can be reached."
        if "locked" in reason:
            hint = "Another program is writing to them; try again."
        raise StorageError(f"The corrections could not be {deed}: {reason}.", hint) from error
    except DatabaseError as error:
        raise StorageError(
            f"The corrections could not be {deed}: {_reason(error)}.",
            "If the database is damaged, bring it back from a backup.",
        ) from error
    except SQLAlchemyError as error:
        raise StorageError(
            f"The corrections could not be {deed}: {type(error).__name__}.", "Try again."
        ) from error


def _reason(error: DatabaseError) -> str:
    lines = str(error.orig).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".")
