from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import psutil
import pytest

from napari_medkd.errors import InvalidPrompt, ModelUnavailable
from napari_medkd.inference.load import open_runtime
from napari_medkd.inference.runtimes import child as child_module
from napari_medkd.inference.runtimes.child import ChildRuntime, RuntimeChoice
from napari_medkd.inference.runtimes.serve import Server

IMAGE = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
PROMPT = (np.array([[[9, 9], [40, 50]]], np.float32), np.array([[2, 3]], np.float32), None)


@pytest.fixture
def choice(store):
    return RuntimeChoice("tiny", str(store.folder), "onnx", "cpu", 1)


@pytest.fixture
def child(choice):
    runtime = ChildRuntime(choice)
    yield runtime
    runtime.close()


def test_answers_are_those_of_the_same_runtime_here(child, choice, store):
    here = open_runtime(choice, store)
    features = child.encode(IMAGE)
    np.testing.assert_array_equal(features.arrays[0], here.encode(IMAGE)[0])
    assert features.nbytes == features.arrays[0].nbytes
    for found, expected in zip(
        child.decode(features, *PROMPT), here.decode(features.arrays, *PROMPT), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert child.name == "ONNX Runtime, CPU, 1 threads, in its own process"


def test_a_killed_child_is_an_error_once_and_then_there_is_another(child):
    features = child.encode(IMAGE)
    before = child.decode(features, *PROMPT)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ModelUnavailable, match="ended by signal 9") as caught:
        child.decode(features, *PROMPT)
    assert "afresh" in caught.value.hint
    after = child.decode(features, *PROMPT)  # features from the child that is gone
    np.testing.assert_array_equal(after[0], before[0])
    assert child.pid not in (None, first)


def test_features_that_the_child_let_go_are_sent_again(child):
    kept = [child.encode(IMAGE * scale) for scale in range(1, 9)]
    expected = child.decode(kept[-1], *PROMPT)[0]
    np.testing.assert_allclose(
        child.decode(kept[0], *PROMPT)[0] + 1, (expected + 1) / 8, rtol=1e-4, atol=1e-5
    )


def test_close_ends_the_process_and_may_be_called_twice(child):
    process = psutil.Process(child.pid)
    child.close()
    child.close()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert child.pid is None


def test_an_unknown_model_is_the_same_error_as_here(store):
    with pytest.raises(ModelUnavailable, match="'absent' is not installed") as caught:
        ChildRuntime(RuntimeChoice("absent", str(store.folder), "onnx", "cpu", 1))
    assert caught.value.hint


def test_a_child_that_cannot_start_is_an_error(choice, monkeypatch):
    monkeypatch.setattr(child_module, "_MODULE", "napari_medkd.no_such_module")
    with pytest.raises(ModelUnavailable, match="ended with code 1"):
        ChildRuntime(choice)


def test_the_child_ends_when_its_parent_is_gone(choice):
    script = f"""
        import os
        from napari_medkd.inference.runtimes.child import ChildRuntime, RuntimeChoice
        runtime = ChildRuntime({choice!r})
        print(runtime.pid, flush=True)
        os._exit(1)
    """
    parent = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    pid = int(parent.stdout)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child outlived its parent"
        psutil.wait_procs([psutil.Process(pid)], timeout=0.2)


class FailingRuntime:
    def __init__(self, error):
        self.error = error

    def encode(self, image):
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (InvalidPrompt("Too far.", "Come closer."), "InvalidPrompt", "Too far."),
        (MemoryError(), "MedkdError", "not enough memory"),
    ],
)
def test_failures_of_the_network_travel_as_sentences(error, kind, words):
    server = Server()
    server._runtime = FailingRuntime(error)
    answer, name, message, hint = server.answer("encode", 1, IMAGE)
    assert (answer, name) == ("error", kind)
    assert words in message and "\n" not in message
    assert hint


@pytest.mark.slow
def test_torch_in_a_child_answers_like_torch_here(torch_store):
    choice = RuntimeChoice("tiny", str(torch_store.folder), "torch", "cpu", 1)
    here = open_runtime(choice, torch_store)
    away = ChildRuntime(choice)
    try:
        features = away.encode(IMAGE)
        np.testing.assert_allclose(features.arrays[0], here.encode(IMAGE)[0], atol=1e-5)
        for found, expected in zip(
            away.decode(features, *PROMPT), here.decode(features.arrays, *PROMPT), strict=True
        ):
            np.testing.assert_allclose(found, expected, atol=1e-4)
    finally:
        away.close()
