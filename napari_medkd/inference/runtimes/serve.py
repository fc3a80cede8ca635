"""The child's side of `ChildRuntime`: ``python -m napari_medkd.inference.runtimes.serve``."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
from collections import OrderedDict
from typing import IO, TYPE_CHECKING, Any

from napari_medkd.errors import MedkdError

if TYPE_CHECKING:
    from napari_medkd.inference.runtimes import Runtime
    from napari_medkd.inference.runtimes.child import RuntimeChoice

_HELD = 4  # slices whose features stay at hand: the visible one and its neighbours


class Server:
    """Answers requests one after the other with one runtime."""

    def __init__(self) -> None:
        self._runtime: Runtime | None = None
        self._features: OrderedDict[int, Any] = OrderedDict()

    def answer(self, method: str, *content: Any) -> tuple[Any, ...]:
        """Return ``("answer", value)`` or ``("error", kind, message, hint)``."""
        try:
            return "answer", getattr(self, f"_{method}")(*content)
        except MedkdError as error:
            return "error", type(error).__name__, error.message, error.hint
        except MemoryError:
            return (
                "error",
                "MedkdError",
                "There is not enough memory for this model.",
                "Choose a smaller one.",
            )

    def _open(self, choice: RuntimeChoice) -> str:
        from napari_medkd.inference.load import open_runtime

        self._runtime = open_runtime(choice)
        return self._runtime.name

    def _encode(self, number: int, image: Any) -> Any:
        assert self._runtime is not None
        features = self._runtime.encode(image)
        self._hold(number, features)
        return features

    def _decode(self, number: int, features: Any, *prompt: Any) -> Any:
        assert self._runtime is not None
        if features is not None:
            self._hold(number, features)
        if number not in self._features:
            return None
        self._features.move_to_end(number)
        return self._runtime.decode(self._features[number], *prompt)

    def _hold(self, number: int, features: Any) -> None:
        self._features[number] = features
        while len(self._features) > _HELD:
            self._features.popitem(last=False)


def main() -> None:
    """Serve until standard input ends."""
    requests = sys.stdin.buffer
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    waiting: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    server = Server()
    while True:
        pickle.dump(server.answer(*waiting.get()), answers, protocol=5)
        answers.flush()


def _listen(requests: IO[bytes], waiting: queue.SimpleQueue[tuple[Any, ...]]) -> None:
    """Queue requests; leave at once when the parent is gone, even in the middle of an encode."""
    try:
        while True:
            waiting.put(pickle.load(requests))
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


if __name__ == "__main__":
    main()
