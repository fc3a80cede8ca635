"""Events in a file: written by one process, read by any number while it grows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from napari_medkd.errors import StorageError
from napari_medkd.runs.events import parse
from napari_medkd.runs.lines import LineFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from napari_medkd.runs.events import Event

FILE = "events.jsonl"
_TAIL_BYTES = 2**16


class EventWriter:
    """Appends events to a run's file.

    Parameters
    ----------
    folder : Path
        The run; it is made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._lines = LineFile(self._path)

    def write(self, event: Event) -> None:
        """Append one event; it is safe from the death of this process when this returns.

        Raises
        ------
        StorageError
            Where the disk is full or gone.
        """
        try:
            self._lines.append([event.model_dump_json().encode()])
        except OSError as error:
            raise StorageError(
                f"The events of the run could not be written to {self._path}: {error.strerror or error}.",
                "Free some space, then resume the run.",
            ) from error

    def close(self) -> None:
        """Let go of the file; calling twice is harmless."""
        self._lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EventReader:
    """Follows the events of a run from its first line.

    Torn lines, unknown kinds and other versions are passed over. Each reader has its own place in the file.

    Parameters
    ----------
    folder : Path
        The run; its file need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._offset = 0

    def read(self, most: int = -1) -> list[Event]:
        """Return the events written since the last call, oldest first.

        With `most`, only as many as lie in about that many bytes, so that nobody waits for a long run to be
        read at once; the next call goes on there.
        """
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset = 0  # another run took the place of this one
                file.seek(self._offset)
                read = file.read(most)
                if len(read) == most:
                    read += file.readline()
                whole, newline, _ = read.rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._offset += len(whole) + len(newline)
        return [event for line in whole.split(b"\n") if line and (event := parse(line)) is not None]


def newest_first(folder: Path) -> Iterator[Event]:
    """Yield the last events of a run, the newest first, as far as the last 64 kB of its file go.

    That is some hundred events: enough to know how a run stands without reading a night of it.
    """
    try:
        with (folder / FILE).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL_BYTES))
            whole = file.read().rpartition(b"\n")[0]
    except FileNotFoundError:
        return
    for line in reversed(whole.split(b"\n")):
        event = parse(line)
        if event is not None:
            yield event
