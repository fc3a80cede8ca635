import threading

import numpy as np
import pytest

from napari_medkd.corrections import Collector, Outbox
from napari_medkd.corrections.query import Query
from napari_medkd.corrections.store import CorrectionStore
from napari_medkd.errors import StorageError
from tests.corrections.made import make

WAIT = 60


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def store(tmp_path):
    with CorrectionStore(tmp_path / "c.sqlite") as opened:
        yield opened


def opener(tmp_path):
    return lambda: CorrectionStore(tmp_path / "c.sqlite")


@pytest.mark.parametrize("painted", [False, True])
@pytest.mark.parametrize("proposed", [False, True])
def test_what_is_posted_is_delivered_whole(outbox, store, painted, proposed):
    given = make(painted=painted, proposed=proposed, colour=painted)
    outbox.post(given)
    assert len(outbox) == 1
    (record,) = outbox.deliver(store)
    assert len(outbox) == 0
    back = store.load(record)
    assert back.about.model_dump(include=set(type(given.about).model_fields)) == given.about.model_dump()
    assert back.prompt == given.prompt
    assert np.array_equal(back.accepted, given.accepted)
    assert (back.proposal is None) == (given.proposal is None)


def test_delivery_keeps_the_order(outbox, store):
    ids = [f"{letter}{number}" for letter in "zya" for number in range(5)]
    for seed, name in enumerate(ids):
        outbox.post(make(seed=seed, id=name))
    assert [record.id for record in outbox.deliver(store)] == ids


def test_an_undo_and_a_redo_follow_their_commit(outbox, store):
    outbox.post(make(seed=1, id="one"))
    outbox.post(make(seed=2, id="two"))
    outbox.post_change("one", "withdraw")
    outbox.post_change("two", "withdraw")
    outbox.post_change("one", "restore")
    outbox.deliver(store)
    assert [record.id for record in store.records()] == ["one"]
    assert store.count(Query(everything=True)) == 2


def test_what_a_killed_delivery_left_is_delivered_once(outbox, store):
    given = make()
    outbox.post(given)
    store.add(given)  # it came as far as that
    outbox.deliver(store)
    assert store.count() == 1
    assert len(outbox) == 0


def test_a_torn_file_is_set_aside(outbox, store):
    for seed in range(3):
        outbox.post(make(seed=seed, id=f"n{seed}"))
    torn = sorted(outbox.folder.iterdir())[1]
    torn.write_bytes(torn.read_bytes()[:300])
    assert [record.id for record in outbox.deliver(store)] == ["n0", "n2"]
    assert (len(outbox), outbox.damaged()) == (0, 1)


def test_a_store_that_fails_leaves_the_rest_waiting(outbox, store, monkeypatch):
    for seed in range(3):
        outbox.post(make(seed=seed, id=f"n{seed}"))
    add = store.add

    def fail_at_second(given):
        if given.about.id == "n1":
            raise StorageError("The disk is full.")
        return add(given)

    with monkeypatch.context() as patched:
        patched.setattr(store, "add", fail_at_second)
        with pytest.raises(StorageError):
            outbox.deliver(store)
    assert len(outbox) == 2
    assert [record.id for record in outbox.deliver(store)] == ["n1", "n2"]


def test_a_full_disk_is_said_at_once(outbox, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        outbox.post(make())
    assert "mask itself was committed" in caught.value.hint
    assert list(outbox.folder.iterdir()) == []


def test_a_collector_delivers_by_itself(outbox, tmp_path, store):
    arrived, came = [], threading.Event()

    def on_added(record):
        arrived.append((record.id, threading.current_thread() is not threading.main_thread()))
        if len(arrived) == 3:
            came.set()

    outbox.post(make(seed=0, id="left by an earlier window".replace(" ", "-")))
    collector = Collector(outbox, opener(tmp_path), on_added)
    collector.add(make(seed=1, id="n1"))
    collector.add(make(seed=2, id="n2"))
    collector.withdraw("n1")
    collector.restore("n1")
    collector.withdraw("n2")
    assert came.wait(WAIT)
    assert collector.close(WAIT)
    assert arrived == [("left-by-an-earlier-window", True), ("n1", True), ("n2", True)]
    assert [record.id for record in store.records()] == ["left-by-an-earlier-window", "n1"]


def test_closing_delivers_what_is_left(outbox, tmp_path, store):
    collector = Collector(outbox, opener(tmp_path))
    for seed in range(4):
        collector.add(make(seed=seed))
    assert collector.close(WAIT)
    assert store.count() == 4


def test_a_collector_that_collects_nothing_opens_no_store(outbox):
    def never():
        raise AssertionError

    assert Collector(outbox, never).close(WAIT)


def test_a_store_that_cannot_be_had_is_said_once_and_loses_nothing(outbox, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_medkd.corrections.collector._RETRY_SECONDS", 0.05)
    errors, failed, came = [], threading.Event(), threading.Event()
    is_down = True

    def open_store():
        if is_down:
            failed.set()
            raise StorageError("The server is down.")
        return CorrectionStore(tmp_path / "c.sqlite")

    collector = Collector(outbox, open_store, lambda record: came.set(), errors.append)
    collector.add(make())
    assert failed.wait(WAIT)
    failed.clear()
    assert failed.wait(WAIT)  # it tries again by itself
    is_down = False
    assert came.wait(WAIT)
    assert collector.close(WAIT)
    assert [str(error) for error in errors] == ["The server is down."]
