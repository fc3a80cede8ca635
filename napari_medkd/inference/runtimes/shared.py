"""One model for several processes: their images are encoded together, and features stay where the model is.

A network on a GPU is fastest on many images at once, and must not wait for one of them to be read from a
disk. So the processes that read and write images share one that runs the model: see `batching`.
"""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass
from multiprocessing.connection import Client
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari_medkd import errors
from napari_medkd.errors import MedkdError, ModelUnavailable

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import numpy as np
    from numpy.typing import NDArray

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a shared model is found.

    Parameters
    ----------
    address : str or (str, int)
        Of the process that runs it.
    key : bytes
        What lets a process in.
    name : str
        What runs the model, for people.
    fallback : str
        Why it does not run as was wanted; empty where it does.
    """

    address: Any
    key: bytes
    name: str
    fallback: str = ""


class SharedFeatures:
    """Features that stay with the model until nobody here holds them any more.

    Parameters
    ----------
    runtime : SharedRuntime
        Who asked for them.
    number : int
        What the model's process knows them by.
    """

    nbytes = 0  # here

    def __init__(self, runtime: SharedRuntime, number: int) -> None:
        self.number = number
        self._runtime = runtime
        weakref.finalize(self, runtime.released.append, number)

    @property
    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """The features themselves, brought here."""
        found: tuple[NDArray[np.float32], ...] = self._runtime.call("fetch", self.number)
        return found

    def replaced(self, arrays: tuple[NDArray[np.float32], ...]) -> SharedFeatures:
        """Return others, in the model's process too."""
        features = SharedFeatures(self._runtime, next(_numbers))
        self._runtime.call("hold", features.number, arrays)
        return features


class SharedRuntime:
    """Runs a model in the process at `place`; threads of this one may share it.

    Raises
    ------
    ModelUnavailable
        That process is gone.
    """

    def __init__(self, place: Place) -> None:
        self._name = place.name
        self._lock = Lock()
        self.released: list[int] = []  # numbers that nobody here holds; told with the next call
        self.is_lost = False
        try:
            self._connection: Connection = Client(place.address, authkey=place.key)
        except (OSError, EOFError) as error:
            raise _gone() from error

    @property
    def name(self) -> str:
        """What runs it, for people."""
        return self._name

    def encode(self, image: NDArray[np.float32]) -> SharedFeatures:
        """Encode a normalised, padded image (1, 3, S, S), together with those of other processes."""
        features = SharedFeatures(self, next(_numbers))
        self.call("encode", features.number, image)
        return features

    def decode(
        self,
        features: Any,
        coordinates: NDArray[np.float32],
        labels: NDArray[np.float32],
        mask: NDArray[np.float32] | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer one prompt; see `Runtime.decode`."""
        logits, scores = self.call("decode", features.number, coordinates, labels, mask)
        return logits, scores

    def close(self) -> None:
        """Leave the model to the others; calling twice is harmless."""
        self._connection.close()

    def call(self, method: str, *content: Any) -> Any:
        """Ask the model's process for something and wait for it."""
        with self._lock:
            count = len(self.released)
            released, self.released[:count] = self.released[:count], []
            try:
                self._connection.send((released, method, content))
                kind, *answer = self._connection.recv()
            except (OSError, EOFError) as error:
                self.is_lost = True
                raise _gone() from error
        if kind == "answer":
            return answer[0]
        found: MedkdError = getattr(errors, answer[0], MedkdError)(*answer[1:])
        raise found


def _gone() -> ModelUnavailable:
    return ModelUnavailable("The process that runs the model is gone.", "Give the same command again.")
