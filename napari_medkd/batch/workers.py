"""Worker processes on this computer. One that dies takes one image with it, not the run.

On a GPU they share one process that runs the model: see `model_process`.

A standard pool of processes breaks as a whole when one of them is killed, and does not say which image it
was at. Here each has a pipe of its own and one image at a time.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from napari_medkd.batch.item import segment_item
from napari_medkd.batch.model_process import ModelProcess
from napari_medkd.batch.row import Row
from napari_medkd.errors import MedkdError, ModelUnavailable, RunFailed
from napari_medkd.inference.runtimes.shared import Place, SharedRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from napari_medkd.batch.item import Job
    from napari_medkd.batch.plan import Item

_ATTEMPTS = 2  # an image whose worker died is tried once more: the kill may have been meant for another
_SPAWN = multiprocessing.get_context("spawn")
_END_SECONDS = 10.0
_STANDARD_ERROR = 2


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    item: Item | None = None


class LocalExecutor:
    """Runs items in worker processes of this computer.

    Parameters
    ----------
    job : Job
        What is the same for every item.
    count : int
        How many processes.
    tell : callable
        Called once with what runs the model, and with the sentence why it runs otherwise than was wanted.
    is_shared : bool
        Whether the processes share one model, as they must on a GPU, in place of one each.
    """

    def __init__(
        self, job: Job, count: int, tell: Callable[[str, str], None], *, is_shared: bool = False
    ) -> None:
        self._job = job
        self._count = count
        self._tell = tell
        self._told = False
        self._workers: list[_Worker] = []
        self._model = ModelProcess(job) if is_shared else None

    def run(self, items: Iterable[Item], is_stopped: Callable[[], bool]) -> Iterator[Row]:
        """Yield the row of each item as it is done; once stopped, only of those in hand.

        Raises
        ------
        MedkdError
            What no other image would survive: a model that cannot be loaded, a full disk.
        """
        waiting = deque((item, 1) for item in items)
        attempts: dict[int, int] = {}
        if self._model is not None and waiting:
            self._model.start()
        while len(self._workers) < min(self._count, len(waiting)):
            self._workers.append(self._start())
        while self._busy() or (waiting and not is_stopped()):
            for worker in self._workers:
                if worker.ready and worker.item is None and waiting and not is_stopped():
                    worker.item, attempts_now = waiting.popleft()
                    attempts[worker.item.index] = attempts_now
                    _send(worker.pipe, worker.item)
            for worker in self._heard():
                answer = self._receive(worker)
                if isinstance(answer, Row):
                    worker.item = None
                    yield answer
                elif answer is None:
                    if self._model is not None:
                        self._model.check()
                    lost = worker.item
                    how = self._bury(worker)
                    if lost is not None and attempts[lost.index] < _ATTEMPTS:
                        waiting.appendleft((lost, attempts[lost.index] + 1))
                    elif lost is not None:
                        yield _lost(lost, self._job, how)

    def close(self) -> None:
        """End the workers; they have nothing in hand, or nobody wants it any more."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(_END_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._workers = []
        if self._model is not None:
            self._model.close()

    def _busy(self) -> bool:
        return any(worker.item is not None for worker in self._workers)

    def _heard(self) -> list[_Worker]:
        """Wait until a worker says something or dies."""
        by_pipe: dict[Any, _Worker] = {worker.pipe: worker for worker in self._workers}
        return [by_pipe[pipe] for pipe in wait(list(by_pipe), timeout=1.0)]

    def _receive(self, worker: _Worker) -> Row | str | None:
        """Return a row, a word, or None where the worker is gone."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return None
        if isinstance(message, MedkdError):
            raise message
        if isinstance(message, tuple):
            worker.ready = True
            if not self._told:
                self._told = True
                self._tell(*message)
            return "ready"
        assert isinstance(message, Row)
        return message

    def _start(self) -> _Worker:
        ours, theirs = _SPAWN.Pipe()
        place = self._model.place if self._model is not None else None
        process = _SPAWN.Process(target=_work, args=(theirs, self._job, place), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _bury(self, worker: _Worker) -> str:
        """Clean up after a worker that died, put another in its place, and say how it went."""
        worker.pipe.close()
        worker.process.join()
        code = worker.process.exitcode or 0
        worker.process.close()
        self._workers.remove(worker)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        if not worker.ready:
            raise RunFailed(
                f"The process that loads the model {how}.",
                "There may be too little memory for the model: use fewer processes, or a smaller model.",
            )
        self._workers.append(self._start())
        return how


def _work(pipe: Connection, job: Job, place: Place | None) -> None:
    """Do items until the other end is closed; the process of a worker."""
    from napari_medkd.batch.loading import load, share

    # Decoders write complaints that name files straight to the descriptor; the log of a run names none.
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), _STANDARD_ERROR)
    try:
        shared = SharedRuntime(place) if place is not None else None
        segmenter = load(job) if shared is None or place is None else share(job, shared, place)
        pipe.send((segmenter.runtime_name, segmenter.fallback))
        while True:
            row = segment_item(pipe.recv(), job, segmenter)
            if shared is not None and shared.is_lost:
                return  # not the image's fault: whoever has ended the model says why
            pipe.send(row)
    except ModelUnavailable as error:
        if place is None:
            _send(pipe, ModelUnavailable(error.message, error.hint))
    except MedkdError as error:
        _send(pipe, type(error)(error.message, error.hint))
    except (EOFError, OSError):
        return


def _send(pipe: Connection, message: object) -> None:
    try:
        pipe.send(message)
    except OSError:  # it is gone; that is seen where its answer is waited for
        return


def _lost(item: Item, job: Job, how: str) -> Row:
    return Row(
        name=item.name,
        key=item.key,
        run=job.run,
        status="failed",
        reason=f"The process that worked on it {how}, twice.",
        hint="It may be too large for the memory: use fewer processes (--workers 1).",
        output=item.output,
        model=job.config.model,
    )
