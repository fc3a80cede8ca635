from __future__ import annotations

import queue
import threading

import pytest

from napari_medkd.session.worker import Kind, SyncWorker, ThreadWorker
from tests.doubles import ManualWorker


class Owner:
    """A thread with an event loop, played by the test's own: `turn` runs what was dispatched."""

    def __init__(self) -> None:
        self.inbox: queue.Queue = queue.Queue()
        self.worker = ThreadWorker(self.inbox.put)
        self.results: list[object] = []

    def turn(self) -> None:
        self.inbox.get(timeout=5)()


@pytest.fixture
def owner():
    owner = Owner()
    yield owner
    owner.worker.close()


def test_results_come_back_through_dispatch(owner):
    threads = []

    def work():
        threads.append(threading.current_thread())
        return 6 * 7

    owner.worker.submit(Kind.ANSWER, work, owner.results.append)
    assert owner.results == []
    owner.turn()
    assert owner.results == [42]
    assert threads[0] is not threading.current_thread() and threads[0].daemon


def test_an_exception_is_a_result(owner):
    owner.worker.submit(Kind.ENCODE, lambda: 1 / 0, owner.results.append)
    owner.turn()
    assert isinstance(owner.results[0], ZeroDivisionError)
    owner.worker.submit(Kind.ENCODE, lambda: "alive", owner.results.append)
    owner.turn()
    assert owner.results[1] == "alive"


def test_one_thread_for_all(owner):
    names = set()
    for kind in Kind:
        owner.worker.submit(kind, lambda: names.add(threading.get_ident()), owner.results.append)
        owner.turn()
    assert len(names) == 1


def test_the_most_urgent_goes_first_and_the_newest_of_its_kind(owner):
    gate, order = threading.Event(), []
    owner.worker.submit(Kind.AHEAD, lambda: gate.wait(5), owner.results.append)
    kinds = (Kind.ANSWER, Kind.PREVIEW, Kind.ENCODE, Kind.AHEAD)
    for kind in reversed(kinds):
        for turn in (1, 2):
            owner.worker.submit(kind, lambda k=kind, t=turn: order.append((k, t)), owner.results.append)
    gate.set()
    for _ in range(4):
        owner.turn()
    assert order == [(kind, 2) for kind in kinds] and list(kinds) == sorted(kinds)
    assert len(owner.results) == 4  # what ran first was superseded while it ran


def test_a_result_superseded_on_its_way_is_dropped(owner):
    owner.worker.submit(Kind.ANSWER, lambda: "old", owner.results.append)
    deliver_old = owner.inbox.get(timeout=5)
    owner.worker.submit(Kind.ANSWER, lambda: "new", owner.results.append)
    owner.turn()
    deliver_old()
    assert owner.results == ["new"]


def test_a_cancelled_result_is_dropped(owner):
    owner.worker.submit(Kind.PREVIEW, lambda: "gone", owner.results.append)
    deliver = owner.inbox.get(timeout=5)
    owner.worker.cancel(Kind.PREVIEW)
    deliver()
    assert owner.results == []


def test_close_ends_the_thread_and_drops_what_waits(owner):
    started, gate = threading.Event(), threading.Event()

    def work():
        started.set()
        gate.wait(5)

    owner.worker.submit(Kind.ENCODE, work, owner.results.append)
    owner.worker.submit(Kind.AHEAD, lambda: "never", owner.results.append)
    assert started.wait(5)
    owner.worker.close(timeout=0.01)  # gives up waiting for what runs
    gate.set()
    owner.worker.close(timeout=5)
    owner.worker.close()
    assert not owner.worker._thread.is_alive()
    assert owner.inbox.empty() and owner.results == []


def test_close_before_anything_ran():
    ThreadWorker(lambda call: call()).close()


def test_the_thread_outlives_an_owner_without_an_event_loop():
    calls = []

    def dispatch(call):
        calls.append(call)
        if len(calls) == 1:
            raise RuntimeError("the window is gone")
        done.set()

    done = threading.Event()
    worker = ThreadWorker(dispatch)
    worker.submit(Kind.ANSWER, lambda: 1, lambda result: None)
    while not calls:
        done.wait(0.01)
    worker.submit(Kind.ANSWER, lambda: 2, lambda result: None)
    assert done.wait(5)
    worker.close()


def test_sync_worker_answers_at_once():
    worker, results = SyncWorker(), []
    worker.submit(Kind.ANSWER, lambda: 1, results.append)
    worker.submit(Kind.ANSWER, lambda: 1 / 0, results.append)
    worker.cancel(Kind.ANSWER)
    worker.close()
    assert results[0] == 1 and isinstance(results[1], ZeroDivisionError)
    assert not worker.works_ahead


def test_manual_worker_drops_what_is_late():
    worker, results = ManualWorker(), []
    worker.submit(Kind.ANSWER, lambda: "first", results.append)
    first = worker.start()
    worker.submit(Kind.ANSWER, lambda: "second", results.append)
    second = worker.start()
    worker.finish(second)
    worker.finish(first)
    assert results == ["second"]
