"""Models load in the background; the newest choice wins."""

from __future__ import annotations

import queue
import threading

import pytest

from napari_medkd.errors import ModelUnavailable
from napari_medkd.viewer.model_loader import ModelLoader
from tests.doubles import ThresholdSegmenter


class Bench:
    """A loader whose calls to the owner's thread are made here, and models that load when told."""

    def __init__(self):
        self.calls: queue.Queue = queue.Queue()
        self.gates: dict[str, threading.Event] = {}
        self.models: dict[str, ThresholdSegmenter] = {}
        self.loader = ModelLoader(self.calls.put, self.load)
        self.heard: list = []
        for signal in (self.loader.progressed, self.loader.loaded, self.loader.failed):
            signal.connect(self.heard.append)

    def load(self, model_id, progress):
        progress(f"Loading {model_id}…")
        if model_id in self.gates:
            self.gates[model_id].wait(10)
        if model_id == "missing":
            raise ModelUnavailable("There is no such model.")
        if model_id == "broken":
            raise ZeroDivisionError("oops")
        self.models[model_id] = ThresholdSegmenter(id=model_id)
        return self.models[model_id]

    def hear(self, count: int = 1) -> list:
        for _ in range(count):
            self.calls.get(timeout=10)()
        return self.heard


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_model_comes_with_its_progress(bench):
    bench.loader.start("a")
    assert bench.hear(2) == ["Loading a…", bench.models["a"]]


@pytest.mark.parametrize(
    ("model", "words"), [("missing", "no such model"), ("broken", "ZeroDivisionError: oops")]
)
def test_what_goes_wrong_is_a_sentence(bench, model, words):
    bench.loader.start(model)
    error = bench.hear(2)[-1]
    assert isinstance(error, ModelUnavailable) and words in str(error)


def test_the_newest_choice_wins_and_the_older_is_closed(bench):
    bench.gates["a"] = threading.Event()
    bench.loader.start("a")
    bench.hear()
    bench.loader.start("b")
    bench.gates["a"].set()
    while not bench.heard or bench.heard[-1] is not bench.models.get("b"):
        bench.hear()
    assert bench.models["a"].closed and not bench.models["b"].closed
    assert bench.heard == ["Loading a…", "Loading b…", bench.models["b"]]


def test_after_closing_nothing_is_heard(bench):
    bench.gates["a"] = threading.Event()
    bench.loader.start("a")
    bench.hear()
    bench.loader.close()
    bench.gates["a"].set()
    for thread in threading.enumerate():
        if thread.name == "medkd-load":
            thread.join(10)
    assert bench.models["a"].closed and bench.calls.empty()
