"""A runtime in a process of its own, so that torch never runs inside the viewer.

The two speak pickled tuples over the child's standard input and output. The child ends when its input does:
when it is closed, and when the parent is gone, however it went.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from napari_medkd import errors
from napari_medkd.errors import MedkdError, ModelUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_MODULE = "napari_medkd.inference.runtimes.serve"
_STOP_SECONDS = 3.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class ChildFeatures:
    """Features that came from a child, and the number under which it may still hold them."""

    arrays: tuple[NDArray[np.float32], ...]
    number: int

    @property
    def nbytes(self) -> int:
        """Memory they take here."""
        return sum(array.nbytes for array in self.arrays)

    def replaced(self, arrays: tuple[NDArray[np.float32], ...]) -> ChildFeatures:
        """Return others in their place, which the child has not seen yet."""
        return ChildFeatures(arrays, next(_numbers))


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """Which model is run by what; all a child is told.

    Parameters
    ----------
    model_id, folder : str
        The model and the user's model folder.
    kind : "torch" or "onnx"
        What runs it.
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    threads : int
        CPU threads; 0 takes one per core.
    """

    model_id: str
    folder: str
    kind: str
    device: str
    threads: int


class ChildRuntime:
    """Runs a model in a child process; a child that died is started afresh by the next call.

    Features travel here once, since a restart or the child's small memory must not lose them, and go back
    only where the child has let them go.

    Parameters
    ----------
    choice : RuntimeChoice
        What to run.
    """

    def __init__(self, choice: RuntimeChoice) -> None:
        self._choice = choice
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        with self._lock:
            self._name = str(self._start())

    @property
    def name(self) -> str:
        """What runs it, for people."""
        return f"{self._name}, in its own process"

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._process.pid if self._process else None

    def encode(self, image: NDArray[np.float32]) -> ChildFeatures:
        """Encode a normalised, padded image (1, 3, S, S)."""
        number = next(_numbers)
        return ChildFeatures(self._call("encode", number, image), number)

    def decode(
        self,
        features: Any,
        coordinates: NDArray[np.float32],
        labels: NDArray[np.float32],
        mask: NDArray[np.float32] | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer one prompt; see `Runtime.decode`."""
        answer = self._call("decode", features.number, None, coordinates, labels, mask)
        if answer is None:  # the child no longer holds these features
            answer = self._call("decode", features.number, features.arrays, coordinates, labels, mask)
        logits, scores = answer
        return logits, scores

    def close(self) -> None:
        """End the child; calling twice is harmless."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            assert process.stdin is not None
            try:
                process.stdin.close()
                process.wait(_STOP_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                process.kill()
                process.wait()
            self._forget(process)

    def _call(self, *request: Any) -> Any:
        with self._lock:
            if self._process is None:
                self._start()
            return self._exchange(request)

    def _start(self) -> Any:
        """Start the child and wait for its model; returns what runs it."""
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            return self._exchange(("open", self._choice))
        except MedkdError:
            if self._process is not None:
                self._process.kill()
                self._bury()
            raise

    def _exchange(self, request: tuple[Any, ...]) -> Any:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            pickle.dump(request, process.stdin, protocol=5)
            process.stdin.flush()
            kind, *content = pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise self._bury() from error
        if kind == "answer":
            return content[0]
        raise _error(*content)

    def _bury(self) -> ModelUnavailable:
        """Clean up after a child that is gone; the error says how it went."""
        process, log = self._process, self._log
        assert process is not None and log is not None
        self._process = None
        code = process.wait()
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
        logger.warning("The model's process ended with %s: %s", code, lines[-1] if lines else "no message")
        self._forget(process)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return ModelUnavailable(
            f"The process that runs the model {how}.",
            "Try again: it is started afresh. If it happens again, choose a smaller model or the CPU.",
        )

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        for stream in (process.stdin, process.stdout, self._log):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was still buffered for a dead child
                    logger.debug("A pipe to the model's process was broken already.")
        self._log = None


def _error(kind: str, message: str, hint: str) -> MedkdError:
    """Raise here what was raised there, under the same name where it is one of ours."""
    found = getattr(errors, kind, MedkdError)
    raised: MedkdError = found(message, hint)
    return raised
