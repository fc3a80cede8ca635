"""What must not lose or damage anything: death in mid-write, several writers, full disks, interruptions."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from napari_medkd.corrections import arrays as arrays_module
from napari_medkd.corrections import rows
from napari_medkd.corrections.query import Query
from napari_medkd.corrections.record import Record
from napari_medkd.corrections.schema import case_part
from napari_medkd.corrections.store import CorrectionStore
from napari_medkd.errors import StorageError
from tests.corrections.made import make

ROOT = Path(__file__).parents[2]
EVERYTHING = Query(everything=True)


def start(place, name, many=0):
    command = [sys.executable, "-m", "tests.corrections.adding", *place, name, str(many)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout.readline() == "ready\n"
    return child


def test_killed_while_adding_loses_nothing_that_was_kept(place):
    kept = []
    for round_ in range(2):
        with start(place, f"round {round_}") as child:
            kept += [child.stdout.readline().strip() for _ in range(3)]
            child.kill()
            said = child.stdout.read()
            kept += [line for line in said.split("\n")[:-1] if line]
    with CorrectionStore(*place) as store:
        found = {record.id: record for record in store.records()}
        assert set(kept) <= found.keys()
        assert len(found) - len(kept) <= 2  # one a round may have been kept and not said
        for record in found.values():
            assert store.load(record).accepted.any()
        store.sweep()
        assert set(store.arrays.digests()) == {one for record in found.values() for one in record.digests}


def test_two_processes_add_at_once(place):
    children = [start(place, name, 8) for name in ("one", "two")]
    ids = [line.strip() for child in children for line in child.stdout]
    assert [child.wait(60) for child in children] == [0, 0]
    for child in children:
        child.stdout.close()
    with CorrectionStore(*place) as store:
        assert sorted(ids) == sorted(record.id for record in store.records())
        assert len(ids) == 16
        assert len({case.case for case in store.by_case()}) == 8


def test_a_full_disk_for_arrays_adds_nothing(store, monkeypatch):
    before = store.add(make(seed=1))

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(arrays_module.os, "fsync", full)
        with pytest.raises(StorageError, match="No space left"):
            store.add(make(seed=2))
    assert [record.id for record in store.records()] == [before.id]
    assert not list(Path(store.arrays.location).rglob("*.part"))
    assert store.add(make(seed=2)) in list(store.records())


def test_a_full_remote_place_adds_nothing(tmp_path, monkeypatch):
    with CorrectionStore(tmp_path / "c.sqlite", "memory://full") as store:

        def full(*args, **options):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(type(store.arrays._fs), "pipe_file", full)
            with pytest.raises(StorageError, match="No space left"):
                store.add(make())
        assert store.count() == 0
        store.add(make())
        store.delete_cases(["a"])


def test_a_full_disk_for_the_database_adds_nothing(tmp_path):
    with CorrectionStore(tmp_path / "c.sqlite") as store:
        before = store.add(make(seed=1))
        engine = store._database._engine

        @event.listens_for(engine, "begin")
        def limit(connection):
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as small as what is there

        with pytest.raises(StorageError, match="full") as caught:
            for seed in range(2, 60):
                store.add(make(seed=seed, annotator="x" * 190))
        assert "Free some space" in caught.value.hint
        event.remove(engine, "begin", limit)
    with CorrectionStore(tmp_path / "c.sqlite") as again:
        records = list(again.records())
        assert records[0] == before
        for record in records:
            again.load(record)


def test_deleting_a_case_leaves_no_trace(place, store):
    secret = "case-of-somebody"
    store.add(make(secret, seed=1, label="rare class"))
    withdrawn = store.add(make(secret, seed=2))
    store.withdraw([withdrawn.id])
    shared = store.add(make("other", seed=1, label="rare class"))  # the same image, and the same mask
    assert store.delete_cases([secret]) == 2
    assert [record.id for record in store.records(EVERYTHING)] == [shared.id]
    assert set(store.arrays.digests()) == set(shared.digests)
    store.load(shared)
    with pytest.raises(Exception, match="no case"):
        store.part_of(secret)
    if "://" not in place[0]:
        files = Path(place[0]).parent.glob("corrections.sqlite*")
        assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_deleting_one_correction_leaves_its_case(store):
    one, other = store.add(make(seed=1)), store.add(make(seed=2))
    assert store.delete_records([one.id]) == 1
    assert list(store.records()) == [other]
    assert set(store.arrays.digests()) == set(other.digests)
    assert store.part_of("a")


def test_an_unknown_case_deletes_nothing(filled):
    with pytest.raises(Exception, match="no case"):
        filled.delete_cases(["a", "nobody"])
    assert filled.count() == 5


def test_an_interrupted_deletion_is_finished_later(place, store, monkeypatch):
    store.add(make(seed=1))

    def fail(*args):
        raise StorageError("The arrays of corrections could not be deleted: gone.")

    with monkeypatch.context() as patched:
        patched.setattr(store.arrays, "remove", fail)
        with pytest.raises(StorageError):
            store.delete_cases(["a"])
    assert store.count(EVERYTHING) == 0
    assert list(store.arrays.digests())
    with CorrectionStore(*place) as again:
        assert list(again.arrays.digests()) == []


def test_a_correction_added_while_another_goes_keeps_its_arrays(store, monkeypatch):
    """The new one needs the arrays of the old one, which is deleted between its two steps."""
    old = store.add(make("old", seed=1))
    given = make("new", seed=1)
    writing = store._database.writing

    def delete_first():
        monkeypatch.setattr(store._database, "writing", writing)
        store.delete_records([old.id])
        return writing()

    monkeypatch.setattr(store._database, "writing", delete_first)
    record = store.add(given)
    assert store.load(record).accepted.any()


def test_what_an_interrupted_add_left_is_swept(store):
    record = store.add(make(seed=1))
    store.arrays.put(make(seed=2).image)
    assert store.sweep() == 1
    assert set(store.arrays.digests()) == set(record.digests)


def test_ten_thousand_records_are_as_quick_as_ten(store):
    """Counted in what the database is asked, and in a bound that a slow machine keeps."""
    import time

    first = store.add(make("case 0", seed=1))
    content = first.model_dump()
    with store._database.writing() as connection:
        cases = [{"name": f"case {number}", "part": "training"} for number in range(1, 200)]
        connection.execute(case_part.insert(), cases)
        made = []
        for number in range(10_000):
            facts = {"id": f"r{number}", "case": f"case {number % 200}", "label": f"class {number % 7}"}
            made.append(Record.model_construct(**(content | facts | {"marks": first.marks})))
        rows.write(connection, made)
    started = time.process_time()
    assert store.count() == 10_001
    assert len(store.by_class()) == 8
    assert len(store.by_case()) == 200
    assert len([None for _, _ in zip(range(50), store.records(newest_first=True))]) == 50  # noqa: B905
    store.add(make("case 3", seed=2))
    assert time.process_time() - started < 2
    assert store.delete_cases(["case 5"]) == 50
    assert sum(1 for _ in store.records()) == 10_001 + 1 - 50
