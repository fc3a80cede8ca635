"""The process of a run, known by more than its number: numbers are used again."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = "process.json"
_WAY = 5  # of 19 steps that a process may be put back


class RunProcess(BaseModel):
    """Which process does a run: ``process.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(1, description="Version of this form.")
    pid: int = Field(gt=0, description="Number of the process, which leads its group.")
    born: str = Field(description="When it was born, by a clock that is never set.")
    host: str = Field(description="The computer that it runs on.")

    @classmethod
    def of(cls, pid: int) -> Self:
        """Describe a process of this computer; one that is gone already was never born."""
        return cls(pid=pid, born=_born(pid), host=socket.gethostname())

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read which process does the run in `folder`; None where none was started."""
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def save(self, folder: Path) -> None:
        """Write ``process.json`` in one step (temporary file, then rename)."""
        temporary = folder / f"{FILE}.tmp"
        temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        temporary.replace(folder / FILE)

    @property
    def is_here(self) -> bool:
        """Whether it runs on this computer, where it can be seen and ended."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether this very process still works; one that only waits to be collected does not."""
        try:
            zombie = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
        return not zombie and self.born != "" and _born(self.pid) == self.born

    def give_way(self) -> None:
        """Have whatever else wants the processors go first: a viewer, before all.

        What cannot be set here stays as it is.
        """
        with suppress(psutil.Error, OSError):
            process = psutil.Process(self.pid)
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else process.nice() + _WAY)
            if psutil.LINUX:  # which shares the processors among sessions first, then within each
                Path(f"/proc/{self.pid}/autogroup").write_text(str(_WAY), encoding="ascii")

    def end(self, grace: float) -> None:
        """Terminate the process and its group; kill what is left after `grace` seconds.

        Nothing is done where the process has ended: its number may be another's by now.
        """
        if not self.is_alive:
            return
        group = self._group()
        _send(group, "terminate")
        _, left = psutil.wait_procs(group, timeout=grace)
        if left:  # while one of them lives, no other group can have this number
            left = list({*left, *self._group()})
            _send(left, "kill")
            psutil.wait_procs(left, timeout=grace)

    def _group(self) -> list[psutil.Process]:
        """Return the processes of the group; on Windows, which has none, the descendants."""
        if sys.platform == "win32":
            leader = psutil.Process(self.pid)
            return [leader, *leader.children(recursive=True)]
        return [process for process in psutil.process_iter() if _leader(process.pid) == self.pid]


def _born(pid: int) -> str:
    """Return a mark of when a process was born; empty where there is no such process."""
    if sys.platform != "linux":
        try:
            return str(round(psutil.Process(pid).create_time(), 1))
        except psutil.Error:
            return ""
    # A time of day shifts when the clock is set, and a live process would seem to be another one: ticks since
    # the computer was started do not.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
    return f"{boot} {fields[19]}"


def _leader(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _send(processes: list[psutil.Process], action: Literal["terminate", "kill"]) -> None:
    for process in processes:
        try:
            getattr(process, action)()
        except psutil.NoSuchProcess:
            continue
