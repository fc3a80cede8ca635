"""The other side of `SharedRuntime`: one runtime that encodes what several processes ask for at once."""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import Listener
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from napari_medkd.errors import MedkdError
from napari_medkd.inference.runtimes.shared import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from napari_medkd.inference.runtimes import Runtime

MOST = 32  # images at once: beyond that a GPU is no faster for one


@runtime_checkable
class Together(Protocol):
    """A runtime that encodes several images faster than one after the other."""

    def encode_many(self, images: NDArray[np.float32]) -> Sequence[Any]:
        """Encode (B, 3, S, S); the features of each may be in any form that `decode` takes."""
        ...

    def bring(self, features: Any) -> tuple[NDArray[np.float32], ...]:
        """Return features as arrays in memory."""
        ...


@dataclass(eq=False, slots=True)
class _Guest:
    """A process that shares the model, and the features that it holds."""

    connection: Connection
    features: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Request:
    guest: _Guest
    released: list[int]
    method: str
    content: tuple[Any, ...]


class Batcher:
    """Serves a runtime to every process that knows its `place`.

    Requests are answered in the order that they come, except that images which wait are encoded together.

    Parameters
    ----------
    runtime : Runtime
        Used by the thread that calls `serve` alone.
    most : int
        Images at once.
    """

    def __init__(self, runtime: Runtime, fallback: str = "", most: int = MOST) -> None:
        self._runtime, self._most = runtime, most
        self._key = os.urandom(32)
        self._listener = Listener(authkey=self._key)
        self.place = Place(self._listener.address, self._key, runtime.name, fallback)
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self.sizes: list[int] = []  # how many images were encoded at once, each time
        threading.Thread(target=self._let_in, daemon=True).start()

    def serve(self) -> None:
        """Answer until `close` is called."""
        while True:
            waiting = [self._requests.get()]
            while not self._requests.empty():
                waiting.append(self._requests.get())
            requests = [one for one in waiting if one is not None]
            for request in requests:
                for number in request.released:
                    request.guest.features.pop(number, None)
            images = [one for one in requests if one.method == "encode"]
            for start in range(0, len(images), self._most):
                self._encode(images[start : start + self._most])
            for request in requests:
                if request.method != "encode":
                    self._answer(request)
            if len(requests) < len(waiting):
                return

    def close(self) -> None:
        """Let nobody in any more, and have `serve` return."""
        self._listener.close()
        self._requests.put(None)

    def _let_in(self) -> None:
        while True:
            try:
                guest = _Guest(self._listener.accept())
            except OSError:  # closed
                return
            except Exception:  # one that does not know the key, or left at once
                continue
            threading.Thread(target=self._listen, args=(guest,), daemon=True).start()

    def _listen(self, guest: _Guest) -> None:
        try:
            while True:
                self._requests.put(_Request(guest, *guest.connection.recv()))
        except (EOFError, OSError):
            guest.features.clear()

    def _encode(self, requests: Sequence[_Request]) -> None:
        """Encode images together; where that fails, one by one, so that each gets its own answer."""
        self.sizes.append(len(requests))
        images = [request.content[1] for request in requests]
        try:
            if isinstance(self._runtime, Together):
                found = self._runtime.encode_many(np.concatenate(images))
            else:
                found = [self._runtime.encode(image) for image in images]
        except (MedkdError, MemoryError) as error:
            if len(requests) > 1:
                self._most = max(1, len(requests) // 2)  # so many at once do not fit into its memory
                for request in requests:
                    self._encode([request])
            else:
                _send(requests[0].guest, _refusal(error))
            return
        for request, features in zip(requests, found, strict=True):
            request.guest.features[request.content[0]] = features
            _send(request.guest, ("answer", None))

    def _answer(self, request: _Request) -> None:
        number, *content = request.content
        held = request.guest.features
        try:
            if request.method == "hold":
                held[number] = content[0]
                _send(request.guest, ("answer", None))
            elif request.method == "fetch":
                found = held[number]
                arrays = self._runtime.bring(found) if isinstance(self._runtime, Together) else found
                _send(request.guest, ("answer", arrays))
            else:
                _send(request.guest, ("answer", self._runtime.decode(held[number], *content)))
        except (MedkdError, MemoryError) as error:
            _send(request.guest, _refusal(error))


def _refusal(error: MedkdError | MemoryError) -> tuple[str, str, str, str]:
    if isinstance(error, MemoryError):
        return "error", "MedkdError", "There is not enough memory for this model.", "Choose a smaller one."
    return "error", type(error).__name__, error.message, error.hint


def _send(guest: _Guest, answer: tuple[Any, ...]) -> None:
    try:
        guest.connection.send(answer)
    except OSError:  # it is gone; its thread sees that too
        guest.features.clear()
