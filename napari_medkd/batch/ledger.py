"""What was done in a folder of masks: one line an image, appended as it happens, for reports and to go on."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import ValidationError

from napari_medkd.batch.row import Row, Status
from napari_medkd.errors import StorageError
from napari_medkd.io.ome_zarr import is_zarr
from napari_medkd.runs.lines import LineFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

FOLDER = "report_files"
FILE = "rows.jsonl"
_LOCK = "lock"
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.")  # how writers call a file until it is whole


class Entry(NamedTuple):
    """The last line about an image, without its details."""

    key: str
    status: Status
    run: str
    output: str
    confidence: float | None
    offset: int


class Ledger:
    """The lines of one folder of masks; while it is open, no other process can open it.

    Parameters
    ----------
    target : Path
        The folder of masks; it is made where it does not exist.

    Raises
    ------
    StorageError
        Where the folder cannot be written or another batch works in it.
    """

    def __init__(self, target: Path) -> None:
        folder = target / FOLDER
        self._path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise _unwritable(target, error) from error
        if not _take(self._lock):
            os.close(self._lock)
            raise StorageError(
                f"Another batch is writing to {target}.", "Wait for it, stop it, or choose another folder."
            )
        try:
            self._file = LineFile(self._path)
        except OSError as error:
            os.close(self._lock)
            raise _unwritable(target, error) from error
        self._target = target

    def append(self, rows: Iterable[Row]) -> None:
        """Add lines; they are safe from the death of this process when this returns."""
        try:
            self._file.append([row.model_dump_json().encode() for row in rows])
        except OSError as error:
            raise _unwritable(self._target, error) from error

    def entries(self) -> dict[str, Entry]:
        """Return the last line about each image, by its name."""
        found: dict[str, Entry] = {}
        for offset, line in self._lines():
            row = _parse(line)
            if row is not None:
                found[row.name] = Entry(row.key, row.status, row.run, row.output, row.confidence, offset)
        return found

    def row(self, entry: Entry) -> Row:
        """Return a line in full."""
        with self._path.open("rb") as file:
            file.seek(entry.offset)
            row = _parse(file.readline())
        assert row is not None
        return row

    def sweep(self) -> None:
        """Remove what a killed process left unfinished below the folder of masks."""
        for parent, folders, names in os.walk(self._target):
            for name in filter(_TEMPORARY.match, folders):
                shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
            folders[:] = [name for name in folders if not is_zarr(Path(parent, name))]
            for name in filter(_TEMPORARY.match, names):
                os.unlink(os.path.join(parent, name))

    def close(self) -> None:
        """Let others in; calling twice is harmless."""
        if not self._file.closed:
            self._file.close()
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        offset = 0
        with self._path.open("rb") as file:
            for line in file:
                yield offset, line
                offset += len(line)


def read_rows(target: Path) -> list[Row]:
    """Return the last line about each image of a folder of masks; a batch may be writing to it."""
    path = target / FOLDER / FILE
    found: dict[str, Row] = {}
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                row = _parse(line)
                if row is not None:
                    found[row.name] = row
    return list(found.values())


def _parse(line: bytes) -> Row | None:
    try:
        return Row.model_validate_json(line)
    except ValidationError:
        return None


def _unwritable(target: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The report in {target} could not be written: {error.strerror or error}.",
        "Check that the folder can be written and that the disk has space, then give the same command again.",
    )


def _take(descriptor: int) -> bool:
    """Lock a file for this process, without waiting; the system lets go when the process ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
