"""Loading a model in the background: the newest choice wins, the window never waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_medkd import settings
from napari_medkd.errors import MedkdError, ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.inference.segmenter import Segmenter

    Load = Callable[[str, Callable[[str], None]], Segmenter]


class ModelLoader:
    """Loads models one after the other in threads of its own; signals come on the owner's thread.

    Parameters
    ----------
    dispatch : callable
        Calls its argument on the owner's thread.
    load : callable, optional
        Takes a model's id and where to say what is being done, returns a segmenter; by default
        `load_segmenter` with torch kept out of this process.
    """

    progressed = Signal(str)  # a sentence: what takes seconds
    loaded = Signal(object)  # Segmenter
    failed = Signal(object)  # MedkdError

    def __init__(self, dispatch: Callable[[Callable[[], object]], object], load: Load | None = None) -> None:
        self._dispatch = dispatch
        self._load = load or _load
        self._newest = 0
        self._lock = threading.Lock()
        self._closed = False

    def start(self, model_id: str) -> None:
        """Load a model; the outcome of every earlier call is dropped."""
        self._newest += 1
        threading.Thread(
            target=self._run, args=(self._newest, model_id), name="medkd-load", daemon=True
        ).start()

    def close(self) -> None:
        """Drop whatever is still loading; a model that comes after this is closed at once."""
        self._closed = True

    def _run(self, number: int, model_id: str) -> None:
        with self._lock:  # two models at once would only be slower, and take the memory of both
            if not self._is_current(number):
                return
            try:
                segmenter = self._load(
                    model_id, lambda sentence: self._tell(number, lambda: self.progressed.emit(sentence))
                )
            except MedkdError as error:
                problem = error
                self._tell(number, lambda: self.failed.emit(problem))
                return
            except Exception as error:  # a thread's exception would reach nobody
                problem = ModelUnavailable(
                    f"The model {model_id} could not be loaded: {type(error).__name__}: {error}.",
                    "Choose another model, or remove it and add it again.",
                )
                self._tell(number, lambda: self.failed.emit(problem))
                return
        if self._is_current(number):
            self._dispatch(lambda: self._deliver(number, segmenter))
        else:
            segmenter.close()

    def _tell(self, number: int, say: Callable[[], None]) -> None:
        self._dispatch(lambda: say() if self._is_current(number) else None)

    def _deliver(self, number: int, segmenter: Segmenter) -> None:
        if self._is_current(number):
            self.loaded.emit(segmenter)
        else:
            segmenter.close()

    def _is_current(self, number: int) -> bool:
        return not self._closed and number == self._newest


def _load(model_id: str, progress: Callable[[str], None]) -> Segmenter:
    from napari_medkd.inference import load_segmenter
    from napari_medkd.inference.feature_folder import FeatureFolder

    chosen = settings.Settings.load()
    budget = chosen.embedding_disk_mb * 2**20
    kept = FeatureFolder(settings.home() / "embeddings", budget) if budget else None
    return load_segmenter(model_id, settings=chosen, in_child=True, progress=progress, kept=kept)
