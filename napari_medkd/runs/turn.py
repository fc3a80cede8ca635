"""Runs that take turns: one after the other on a computer, in the order in which they were asked for.

Each puts a ticket into a folder and begins once no earlier ticket belongs to a process that lives. There is
nobody who hands out turns, so nothing has to be alive but the runs themselves.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_medkd import settings
from napari_medkd.errors import StorageError
from napari_medkd.runs.process import RunProcess
from napari_medkd.runs.stop import stop_requested

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WAITING = "waiting"  # file in the folder of a run that waits
_LOOK_SECONDS = 0.5


@contextmanager
def taken(folder: Path, pid: int) -> Iterator[bool]:
    """Wait until it is the turn of the run in `folder`, and have it for as long as this lasts.

    Yields False where the run was asked to stop meanwhile.

    Parameters
    ----------
    folder : Path
        The run.
    pid : int
        The process that does it: with its death the turn is over, however it dies.
    """
    try:
        ticket = _draw(folder, pid)
    except OSError as error:
        raise StorageError(
            f"The run could not queue: {error.strerror or error}.", "Free some space, then resume it."
        ) from error
    try:
        yield _wait(folder, ticket)
    finally:
        _remove(ticket)
        (folder / _WAITING).unlink(missing_ok=True)


def is_waiting(folder: Path) -> bool:
    """Whether the run in `folder`, whose process lives, still waits."""
    return (folder / _WAITING).exists()


def _wait(folder: Path, ticket: Path) -> bool:
    while _is_behind(ticket):
        (folder / _WAITING).touch()
        if stop_requested(folder):
            return False
        time.sleep(_LOOK_SECONDS)
    (folder / _WAITING).unlink(missing_ok=True)
    return True


def _draw(folder: Path, pid: int) -> Path:
    """Put down a ticket behind all others: a folder of the next number that names the process."""
    tickets = settings.home() / "runs" / ".turns"
    tickets.mkdir(parents=True, exist_ok=True)
    while True:
        number = max((_number(path) for path in tickets.iterdir()), default=0) + 1
        ticket = tickets / f"{number:08d}"
        try:
            ticket.mkdir()
        except FileExistsError:
            continue
        RunProcess.of(pid).save(ticket)
        return ticket


def _is_behind(ticket: Path) -> bool:
    """Whether an earlier ticket is held by a process that lives; those of the dead are swept away."""
    behind = False
    for other in sorted(ticket.parent.iterdir()):
        if _number(other) >= _number(ticket):
            continue
        process = RunProcess.load(other)
        if process is None and time.time() - other.stat().st_mtime < 10:
            behind = True  # it is being written
        elif process is not None and process.is_here and process.is_alive:
            behind = True
        else:
            _remove(other)
    return behind


def _number(ticket: Path) -> int:
    return int(ticket.name) if ticket.name.isdigit() else 0


def _remove(ticket: Path) -> None:
    try:
        for path in ticket.iterdir():
            path.unlink(missing_ok=True)
        ticket.rmdir()
    except OSError:  # somebody else does the same
        return
