"""Commits objects over and over, killed at another statement of SQLite each time.

Run as ``python -m tests.session.killed_child FOLDER``: forks a child for n = 1, 2, … that works in a folder
of its own and is killed with SIGKILL when it comes to its n-th statement, until one lives to the end. Each
notes in a file ``done`` what it was told is committed.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.core.volume import Volume
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker

SHAPE = (3, 16, 16)
COMMITS = 4


def work(folder: Path) -> None:
    """Commit four objects, correct the first, delete and undo between them."""
    note = os.open(folder / "done", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    session = Session(SyncWorker(), folder)
    session.open(image())
    for number in range(COMMITS):
        session.set_plane(Plane(0, number % 3))
        session.paint(block(number), painted=True)
        session.commit_and_next()
        os.write(note, b"c")
    session.reopen((0, 0, 0))
    session.paint(np.eye(16, dtype=bool), painted=True)
    session.commit()
    session.delete_at((1, 4, 4))
    os.write(note, b"d")
    session.undo()
    os.write(note, b"u")
    session.close()


def image() -> Volume:
    return Volume.from_array(np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE))


def block(number: int) -> np.ndarray:
    mask = np.zeros(SHAPE[1:], bool)
    mask[4 * number : 4 * number + 4, 4 * number : 4 * number + 4] = True
    return mask


def kill_at(count: int) -> None:
    """Have every connection count its statements, and this process killed before the `count`-th of them."""
    connect, seen = sqlite3.connect, [0]

    def count_statement(statement: str) -> None:
        seen[0] += 1
        if seen[0] == count:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(*args: object, **how: object) -> sqlite3.Connection:
        connection = connect(*args, **how)  # type: ignore[call-overload]
        connection.set_trace_callback(count_statement)
        return connection

    sqlite3.connect = counting  # type: ignore[assignment]


def main(folder: Path) -> None:
    for count in range(1, 1000):
        own = folder / str(count)
        own.mkdir()
        child = os.fork()
        if child == 0:
            kill_at(count)
            work(own)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
