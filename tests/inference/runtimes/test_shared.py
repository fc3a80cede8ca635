"""A model shared by several threads, as processes share one: what is asked for at once is encoded at once."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_medkd.errors import MedkdError, ModelUnavailable
from napari_medkd.inference.runtimes.batching import Batcher, Together
from napari_medkd.inference.runtimes.shared import Place, SharedRuntime

NOTHING = np.zeros((1, 1, 2), np.float32), np.zeros((1, 1), np.float32)


class Doubling:
    """Encodes an image to twice itself; many at once, unless there are more than fit."""

    name = "numpy"

    def __init__(self, fits: int = 99) -> None:
        self.fits, self.gate, self.busy = fits, threading.Event(), threading.Event()
        self.gate.set()

    def encode(self, image):
        return self.encode_many(image)[0]

    def encode_many(self, images):
        self.busy.set()
        self.gate.wait(10)
        if len(images) > self.fits:
            raise MemoryError
        if (images < 0).any():
            raise MedkdError("The model failed: negative.", "Choose the CPU.")
        return [[2 * image[np.newaxis]] for image in images]  # a list: nothing but `bring` makes it arrays

    def bring(self, features):
        return tuple(features)

    def decode(self, features, coordinates, labels, mask):
        return features[0][0], np.array([0.5], np.float32)

    def close(self):
        pass


@pytest.fixture
def serve():
    made = []

    def call(runtime, **more):
        batcher = Batcher(runtime, **more)
        thread = threading.Thread(target=batcher.serve, daemon=True)
        thread.start()
        made.append((batcher, thread))
        return batcher

    yield call
    for batcher, thread in made:
        batcher.close()
        thread.join(10)


def image(value):
    return np.full((1, 3, 4, 4), value, np.float32)


def ask(place, value):
    """Encode and decode as a worker does; returns what came back."""
    runtime = SharedRuntime(place)
    features = runtime.encode(image(value))
    logits, _ = runtime.decode(features, *NOTHING, None)
    runtime.close()
    return float(logits.max())


def together(runtime, batcher, values):
    """Have several guests ask while the model is busy with another one, so that all of them wait."""
    runtime.gate.clear()
    with ThreadPoolExecutor(len(values) + 1) as pool:
        first = pool.submit(ask, batcher.place, 0)
        assert runtime.busy.wait(10)
        found = [pool.submit(ask, batcher.place, value) for value in values]
        while batcher._requests.qsize() < len(values):
            assert not any(one.done() for one in (first, *found))
        runtime.gate.set()
        return [one.exception() or one.result() for one in found]


def test_what_waits_is_encoded_together_and_everyone_gets_their_own(serve):
    runtime = Doubling()
    assert isinstance(runtime, Together)
    batcher = serve(runtime)
    assert together(runtime, batcher, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert batcher.sizes == [1, 5]


def test_too_many_for_the_memory_are_halved_and_one_bad_image_is_told_alone(serve):
    runtime = Doubling(fits=2)
    batcher = serve(runtime)
    found = together(runtime, batcher, [1, 2, -1, 4])
    assert found[:2] == [2, 4] and found[3] == 8
    assert isinstance(found[2], MedkdError) and "negative" in str(found[2])
    assert batcher._most <= 2


def test_features_stay_there_until_nobody_holds_them(serve):
    batcher = serve(Doubling(), fallback="The GPU cannot be used.")
    assert batcher.place.fallback and SharedRuntime(batcher.place).name == "numpy"
    runtime = SharedRuntime(batcher.place)
    first, second = runtime.encode(image(1)), runtime.encode(image(2))
    assert second.nbytes == 0 and np.array_equal(second.arrays[0], 2 * image(2))
    other = second.replaced((image(7),))
    assert runtime.decode(other, *NOTHING, None)[0].max() == 7
    number = first.number
    del first
    gc.collect()
    assert runtime.released == [number]
    runtime.decode(second, *NOTHING, None)
    assert runtime.released == []
    runtime.close()


def test_a_model_that_is_gone_is_a_sentence(serve):
    batcher = serve(Doubling())
    with pytest.raises(ModelUnavailable, match="gone"):
        SharedRuntime(Place("/nowhere/at/all", b"key", "x"))
    runtime = SharedRuntime(batcher.place)
    runtime._connection.close()
    with pytest.raises(ModelUnavailable, match="gone"):
        runtime.encode(image(1))
    assert runtime.is_lost
