"""Start a run, find it again from any process, follow it and stop it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from napari_medkd.errors import StorageError, UnreadableFile
from napari_medkd.runs import stop
from napari_medkd.runs.events import Failed, Finished, Started
from napari_medkd.runs.folder import list_runs
from napari_medkd.runs.process import RunProcess
from napari_medkd.runs.spec import RunSpec
from napari_medkd.runs.stream import EventReader, EventWriter, newest_first

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_medkd.runs.events import Event

logger = logging.getLogger(__name__)

MODULE = "src_training"
LOG = "log.txt"
Status = Literal["running", "finished", "failed", "stopped", "crashed"]
# Threads that wait sleep instead of turning round: on a computer that does something else besides, such as
# showing images, that made steps five times as fast.
_CHILD = {"OMP_WAIT_POLICY": "PASSIVE"}
_LOG_BYTES = 2**14
_LOOK_SECONDS = 0.05
_COLLECT_SECONDS = 10.0  # what the last threads of a process that has ended may take


class RunHandle:
    """A run, wherever its process was started.

    Letting go of a handle does nothing to the run.

    Parameters
    ----------
    folder : Path
        The run.
    child : Popen, optional
        Its process, where it was started here.
    """

    def __init__(self, folder: Path, child: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self.spec = RunSpec.load(folder)
        self._reader = EventReader(folder)
        self._child = child

    def __repr__(self) -> str:
        return f"RunHandle({self.id}, {self.status})"

    @property
    def id(self) -> str:
        """Name of the run: that of its folder."""
        return self.folder.name

    def poll(self, most: int = -1) -> list[Event]:
        """Return the events since the last call, oldest first; with `most`, of about that many bytes."""
        return self._reader.read(most)

    @property
    def status(self) -> Status:
        """How the run stands.

        ``running`` while its process lives. Then ``finished`` or ``failed`` where its last event says so,
        else ``stopped`` where it was asked to stop, else ``crashed``. A process on another computer cannot be
        seen: there a run that has not ended is running.
        """
        process = self._process()
        if process is not None and process.is_here and process.is_alive:
            return "running"
        last = next(newest_first(self.folder), None)  # read after the process: what it wrote last is there
        if isinstance(last, Finished):
            return "finished"
        if isinstance(last, Failed):
            return "failed"
        if process is not None and not process.is_here:
            return "running"
        return "stopped" if stop.stop_requested(self.folder) else "crashed"

    def wait(self, timeout: float | None = None) -> Status:
        """Wait until the run is not running any more, at most `timeout` seconds; returns how it stands."""
        until = None if timeout is None else time.monotonic() + timeout
        while (status := self.status) == "running" and (until is None or time.monotonic() < until):
            time.sleep(_LOOK_SECONDS)
        if status != "running" and self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_COLLECT_SECONDS)  # or what it took of the processors is not counted yet
        return status

    def stop(self, wait: float = 60.0, grace: float = 10.0) -> Status:
        """End the run: ask it, and after `wait` seconds terminate its processes, and kill them `grace` later.

        A run on another computer is only asked.
        """
        if self.status != "running":
            return self.status
        stop.request_stop(self.folder)
        status = self.wait(wait)
        process = self._process()
        if status == "running" and process is not None and process.is_here:
            logger.info("the run did not stop within %.0f s and is ended", wait)
            process.end(grace)
        return self.status

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of what the process printed: why it crashed, for people."""
        try:
            with (self.folder / LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.rstrip().splitlines()[-lines:])

    def _process(self) -> RunProcess | None:
        if self._child is not None:
            self._child.poll()  # collects it, where it has ended
        return RunProcess.load(self.folder)


def start(spec: RunSpec, folder: Path, module: str = MODULE) -> RunHandle:
    """Write the run into `folder` and start its process: ``python -m MODULE FOLDER``.

    The process leads a group and a session of its own, so that neither Ctrl+C nor the end of this process
    reaches it; what it prints goes to ``log.txt``.

    Raises
    ------
    StorageError
        Where the folder holds a run already or cannot be written.
    """
    folder = folder.absolute()
    spec.save(folder)
    return _launch(folder, module, resumed=False)


def resume(folder: Path, module: str = MODULE) -> RunHandle:
    """Start the process of a run again; it goes on from its last checkpoint.

    Raises
    ------
    StorageError
        Where the run is running or has finished.
    """
    folder = folder.absolute()
    _reopen(folder)
    return _launch(folder, module, resumed=True)


def take_on(folder: Path, *, resumed: bool = False) -> None:
    """Have this very process do the run in `folder`, one of those that torchrun started.

    Raises
    ------
    StorageError
        Where a run to be resumed is running or has finished.
    """
    if resumed:
        _reopen(folder)
    with EventWriter(folder) as events:
        events.write(Started(resumed=resumed))
    RunProcess.of(os.getpid()).save(folder)


def attach(folder: Path) -> RunHandle:
    """Return a handle of a run that another process may have started."""
    return RunHandle(folder.absolute())


def newest(is_wanted: Callable[[RunSpec], bool]) -> RunHandle | None:
    """Return the newest of the user's runs that is wanted, however it stands; None where there is none."""
    for folder in list_runs():
        try:
            handle = attach(folder)
        except UnreadableFile:  # of another version: it is in the way of nobody
            continue
        if is_wanted(handle.spec):
            return handle
    return None


def _reopen(folder: Path) -> None:
    """Make ready for a resume, or say why there is nothing to resume."""
    status = RunHandle(folder).status
    if status in ("running", "finished"):
        instead = f"medkd runs watch {folder.name}" if status == "running" else "medkd runs list"
        state = "running already" if status == "running" else "finished: nothing is left to do"
        raise StorageError(f"The run {folder.name} is {state}.", f"See: {instead}")
    stop.withdraw(folder)


def _launch(folder: Path, module: str, resumed: bool) -> RunHandle:
    with EventWriter(folder) as events, (folder / LOG).open("ab") as log:
        events.write(Started(resumed=resumed))
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**_CHILD, **os.environ, "PYTHONUNBUFFERED": "1"},
            **_apart(),
        )
    process = RunProcess.of(child.pid)
    process.give_way()
    process.save(folder)
    return RunHandle(folder, child)


def _apart() -> dict[str, Any]:
    """Return what keeps a child's signals and window apart from ours."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
