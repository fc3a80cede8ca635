"""The process that runs the model for all workers of a batch on a GPU."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError, RunFailed
from napari_medkd.inference.runtimes.shared import Place

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from napari_medkd.batch.item import Job

_SPAWN = multiprocessing.get_context("spawn")
_END_SECONDS = 10.0


class ModelProcess:
    """Starts the process, says where it is, and tells when it is gone.

    Parameters
    ----------
    job : Job
        Names the model and the device.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self.place: Place | None = None

    def start(self) -> None:
        """Load the model in a process of its own and wait for it.

        Raises
        ------
        MedkdError
            It cannot be loaded.
        """
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, self._job), daemon=True)
        self._process.start()
        theirs.close()
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise self._gone() from None
        if isinstance(answer, MedkdError):
            raise answer
        assert isinstance(answer, Place)
        self.place = answer

    def check(self) -> None:
        """Raise `RunFailed` where the process has ended: no worker can do anything without it."""
        if self._process is not None:
            self._process.join(0.1)  # what its guests saw first may not have reached us
            if not self._process.is_alive():
                raise self._gone()

    def close(self) -> None:
        """End the process; calling twice is harmless."""
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if process is None or pipe is None:
            return
        pipe.close()
        process.join(_END_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()

    def _gone(self) -> RunFailed:
        process = self._process
        assert process is not None
        process.join(_END_SECONDS)
        code = process.exitcode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return RunFailed(
            f"The process that runs the model {how}.",
            "There may be too little memory: choose a smaller model, then give the same command again.",
        )


def _serve(pipe: Connection, job: Job) -> None:
    """Run the model for others until the other end of the pipe is closed."""
    from napari_medkd.batch.loading import load
    from napari_medkd.inference.runtimes.batching import Batcher

    try:
        segmenter = load(job)
    except MedkdError as error:
        pipe.send(type(error)(error.message, error.hint))
        return
    batcher = Batcher(segmenter.runtime, segmenter.fallback)
    pipe.send(batcher.place)
    threading.Thread(target=_leave, args=(pipe,), daemon=True).start()
    batcher.serve()


def _leave(pipe: Connection) -> None:
    """End this process with the one that started it, even in the middle of an image."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os._exit(0)
