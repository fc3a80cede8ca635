"""What the model says about one image: slices encoded once, prompts answered on the worker's thread."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import MedkdError
from napari_medkd.inference.automatic import together
from napari_medkd.inference.cache import EmbeddingCache
from napari_medkd.session.foreseen import Foreseen
from napari_medkd.session.lookahead import neighbours
from napari_medkd.session.sweep import Sweep
from napari_medkd.session.worker import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Embedding, Prediction, Seen, Segmenter
    from napari_medkd.inference.volumetric import Ask
    from napari_medkd.session.worker import Worker

_log = logging.getLogger(__name__)
_OWN = tuple(kind for kind in Kind if kind not in (Kind.CUT, Kind.LOOK))  # those may be about other images


class Answers:
    """Asks one model about one image. Every method is called on the owner's thread, and so is every `done`.

    Parameters
    ----------
    worker : Worker
        Where the model runs.
    cache_bytes : int
        Memory for encoded slices.
    """

    def __init__(self, worker: Worker, cache_bytes: int) -> None:
        self.seconds = 0.0  # that the newest decode took, encoding left out
        self._worker = worker
        self._cache = EmbeddingCache(cache_bytes)
        self._keys: dict[
            tuple[object, ...], tuple[str, ...]
        ] = {}  # what we know a slice by → the cache's key
        self._volume: Volume | None = None
        self._segmenter: Segmenter | None = None
        self._foreseen: Foreseen | None = None  # the worker's thread alone reads and writes it

    def use(self, volume: Volume | None, segmenter: Segmenter | None) -> None:
        """Ask `segmenter` about `volume` from now on; what is under way for others is dropped."""
        for kind in _OWN:
            self._worker.cancel(kind)
        self._volume, self._segmenter = volume, segmenter

    def cancel(self, kind: Kind) -> None:
        """Drop what is under way of a kind."""
        self._worker.cancel(kind)

    def encode(self, plane: Plane, done: Callable[[MedkdError | None], None]) -> None:
        """Encode the visible slice, then its neighbours while nobody waits."""
        volume, segmenter = self._ready()
        self._worker.cancel(Kind.AHEAD)

        def finish(result: Embedding | Exception) -> None:
            done(failure(result))
            if not isinstance(result, Exception) and self._worker.works_ahead:
                slices, budget = volume.shape[plane.axis], self._cache.budget
                self._encode_ahead(neighbours(plane, slices, budget, result.nbytes))

        self._worker.submit(Kind.ENCODE, lambda: self._embedding(volume, segmenter, plane), finish)

    def ask(
        self,
        prompt: Prompt,
        previous: Seen | None,
        done: Callable[[Prediction | MedkdError], None],
    ) -> None:
        """Answer a prompt, encoding its slice before where it is not; the newest prompt wins.

        An empty one is left to the model: what it finds by itself are the candidates.
        """
        volume, segmenter = self._ready()

        def work() -> Prediction:
            embedding = self._embedding(volume, segmenter, prompt.plane)
            foreseen, self._foreseen = self._foreseen, None
            if foreseen is not None and foreseen.answers(embedding, prompt, previous):
                return foreseen.prediction
            return self._decode(segmenter, embedding, prompt, previous)

        self._worker.submit(Kind.ANSWER, work, lambda result: done(failure(result) or result))

    def foresee(self, prompt: Prompt, previous: Seen | None) -> None:
        """Answer a prompt that is likely to be asked next, if its slice is encoded; `ask` finds it done."""
        volume, segmenter = self._ready()

        def work() -> None:
            embedding = self._cached(volume, segmenter, prompt.plane)
            if embedding is not None:
                prediction = self._decode(segmenter, embedding, prompt, previous)
                self._foreseen = Foreseen(embedding.key, prompt, previous, prediction)

        self._worker.submit(Kind.FORESEE, work, lambda result: None)  # what fails, fails again when asked

    def preview(self, prompt: Prompt, done: Callable[[Prediction | None], None]) -> None:
        """Answer in passing, only where the slice is encoded already; failures are silence."""
        volume, segmenter = self._ready()

        def work() -> Prediction | None:
            embedding = self._cached(volume, segmenter, prompt.plane)
            if embedding is None:
                return None
            return self._decode(segmenter, embedding, prompt, None, quick=True)

        def finish(result: Prediction | Exception | None) -> None:
            if isinstance(result, Exception):
                _log.debug("A preview failed.", exc_info=result)
            done(None if isinstance(result, Exception) else result)

        self._worker.submit(Kind.PREVIEW, work, finish)

    def asking(self, volume: Volume, segmenter: Segmenter) -> Ask:
        """Return what answers prompts on the worker's thread, for a sweep: slices are encoded once."""

        def ask(prompt: Prompt, previous: Seen | None) -> Prediction:
            return segmenter.predict(self._embedding(volume, segmenter, prompt.plane), prompt, previous)

        return ask

    def look(self, volume: Volume, segmenter: Segmenter, plane: Plane) -> Embedding:
        """Encode a slice on the worker's thread for one look: it takes nobody's place in memory."""
        return self._cached(volume, segmenter, plane) or segmenter.embed(volume, plane)

    def prepare_sweep(
        self,
        items: Iterator[Any],
        taken: Callable[[Any], None],
        over: Callable[[MedkdError | None], None],
        kind: Kind = Kind.SWEEP,
    ) -> Sweep:
        """Return what works through `items` on the worker's thread; see `Sweep`."""
        return Sweep(self._worker, items, taken, lambda error: over(failure(error)), kind)

    def is_encoded(self, plane: Plane) -> bool:
        """Tell whether a slice can be asked about without encoding it first."""
        if self._volume is None or self._segmenter is None:
            return False
        return self._cached(self._volume, self._segmenter, plane) is not None

    def close(self) -> None:
        """End the worker and let the embeddings go."""
        self._worker.close()
        self._cache.clear()

    def _encode_ahead(self, planes: Iterator[Plane]) -> None:
        """Encode the next slice that is not; each asks for its successor: an answer waits for one."""
        volume, segmenter = self._ready()
        plane = next((plane for plane in planes if not self.is_encoded(plane)), None)
        if plane is None:
            return

        def finish(result: Embedding | Exception) -> None:
            if isinstance(result, Exception):
                _log.warning("Encoding ahead stopped.", exc_info=result)
            else:
                self._encode_ahead(planes)

        self._worker.submit(Kind.AHEAD, lambda: self._embedding(volume, segmenter, plane), finish)

    def _embedding(self, volume: Volume, segmenter: Segmenter, plane: Plane) -> Embedding:
        embedding = self._cached(volume, segmenter, plane)
        if embedding is None:
            embedding = segmenter.embed(volume, plane)
            self._keys[self._name(volume, segmenter, plane)] = embedding.key
            self._cache.put(embedding)
        return embedding

    def _cached(self, volume: Volume, segmenter: Segmenter, plane: Plane) -> Embedding | None:
        key = self._keys.get(self._name(volume, segmenter, plane))
        return self._cache.get(key) if key is not None else None

    def _name(self, volume: Volume, segmenter: Segmenter, plane: Plane) -> tuple[object, ...]:
        window = volume.window
        return volume.content_id, window.low, window.high, plane, segmenter.card.id, segmenter.runtime_name

    def _decode(
        self,
        segmenter: Segmenter,
        embedding: Embedding,
        prompt: Prompt,
        previous: Seen | None,
        quick: bool = False,
    ) -> Prediction:
        from napari_medkd.inference.asking import ask  # scikit-image: only once a model is there

        start = time.perf_counter()
        if prompt.is_empty:
            prediction = together(segmenter.propose(embedding))
        else:
            prediction = ask(segmenter, embedding, prompt, previous, quick=quick)
        self.seconds = time.perf_counter() - start
        return prediction

    def _ready(self) -> tuple[Volume, Segmenter]:
        assert self._volume is not None and self._segmenter is not None
        return self._volume, self._segmenter


def failure(result: object) -> MedkdError | None:
    """Return what went wrong, as a sentence, with the original error as its cause; None where nothing did."""
    if not isinstance(result, Exception):
        return None
    if isinstance(result, MedkdError):
        return result
    _log.error("The model failed.", exc_info=result)
    if isinstance(result, MemoryError):
        error = MedkdError("There is not enough memory for this model.", "Choose a smaller model.")
    else:
        error = MedkdError(
            f"The model failed: {type(result).__name__}: {result}.",
            "Try again or choose another model; the details can be copied from the panel.",
        )
    error.__cause__ = result
    return error
