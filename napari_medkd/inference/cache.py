"""Embeddings of slices already seen, within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medkd.inference.segmenter import Embedding


class EmbeddingCache:
    """Keeps the most recently used embeddings; safe to use from several threads.

    Parameters
    ----------
    budget : int
        Bytes; the least recently used go first. One embedding larger than the budget is not kept at all.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._kept: OrderedDict[tuple[str, ...], Embedding] = OrderedDict()
        self._used = 0
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return self._used

    def get(self, key: tuple[str, ...]) -> Embedding | None:
        """Return the embedding of `key` and count it as used now; None where it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, embedding: Embedding) -> None:
        """Keep an embedding, in place of an older one of the same key."""
        with self._lock:
            self._drop(embedding.key)
            if embedding.nbytes > self.budget:
                return
            self._kept[embedding.key] = embedding
            self._used += embedding.nbytes
            while self._used > self.budget:
                self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._used = 0

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: tuple[str, ...]) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._used -= old.nbytes
