import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.corrections import Correction
from napari_medkd.corrections.query import Query
from napari_medkd.corrections.store import CorrectionStore
from napari_medkd.errors import InvalidSetting, MissingExtra, StorageError, UnknownName
from tests.corrections.made import make


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("painted", [False, True])
def test_a_correction_comes_back_as_it_was_given(store, colour, painted):
    given = make(colour=colour, painted=painted, annotator="reader 2")
    record = store.add(given)
    back = store.load(store.record(record.id))
    assert back.about == record
    assert back.prompt == given.prompt
    for name in ("image", "accepted", "proposal", "edits"):
        one, other = getattr(given, name), getattr(back, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
    assert record.dice == pytest.approx(given.dice)
    assert record.geometry.same_grid(given.about.geometry)
    assert [mark.seconds for mark in record.marks[:3]] == [0.0, 0.5, None]


def test_another_process_sees_it(place, filled):
    with CorrectionStore(*place) as other:
        assert [record.id for record in other.records()] == [record.id for record in filled.records()]


def test_adding_again_adds_nothing(store):
    given = make()
    assert store.add(given) == store.add(given)
    assert store.count() == 1


def test_records_come_in_the_order_of_adding_whatever_the_clock_says(store):
    from datetime import UTC, datetime

    ids = [store.add(make(seed=seed, time=datetime(2000 - seed, 1, 1, tzinfo=UTC))).id for seed in range(3)]
    assert [record.id for record in store.records()] == ids
    assert [record.id for record in store.records(newest_first=True)] == ids[::-1]


def test_pages_of_records_join(filled, monkeypatch):
    monkeypatch.setattr("napari_medkd.corrections.store._PAGE", 2)
    ids = [record.id for record in filled.records()]
    assert len(set(ids)) == 5
    assert [record.id for record in filled.records(newest_first=True)] == ids[::-1]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (Query(), 5),
        (Query(labels=("vessel",)), 2),
        (Query(cases=("a", "c")), 3),
        (Query(cases=("a",), labels=("vessel",)), 0),
        (Query(models=("student",)), 4),
        (Query(modalities=("CT",)), 5),
        (Query(origins=("import",)), 0),
    ],
)
def test_a_query_finds_what_it_names(filled, query, count):
    assert filled.count(query) == len(list(filled.records(query))) == count


def test_classes_and_cases_are_summed_up(filled):
    cell, vessel = filled.by_class()
    assert (cell.label, cell.objects, cell.cases, cell.clicks) == ("cell", 3, 2, 5)
    assert (vessel.label, vessel.objects, vessel.cases) == ("vessel", 2, 2)
    assert 0.5 < cell.dice_first < cell.dice < 1
    assert vessel.dice == pytest.approx(make("b", 3, "vessel").dice)  # the one without a proposal has none
    assert cell.seconds == 4
    cases = filled.by_case()
    assert [(case.case, case.objects, case.images) for case in cases] == [
        ("a", 2, 2),
        ("b", 2, 1),
        ("c", 1, 1),
    ]
    assert [case.part for case in cases] == [filled.part_of(case.case) for case in cases]
    assert filled.by_class(Query(labels=("none",))) == []


def test_a_later_correction_of_the_object_takes_its_place(store):
    first = store.add(make())
    second = store.add(make(seed=5, replaces=first.id))
    assert [record.id for record in store.records()] == [second.id]
    assert store.count(Query(everything=True)) == 2


def test_an_undone_commit_is_withdrawn_and_redone(store):
    record = store.add(make())
    assert store.withdraw([record.id]) == 1
    assert store.count() == 0
    assert store.record(record.id) == record
    assert store.restore([record.id]) == 1
    assert [one.id for one in store.records()] == [record.id]
    assert store.withdraw(["nobody"]) == 0


def test_undoing_a_second_correction_brings_the_first_back(store):
    first = store.add(make())
    second = store.add(make(seed=5, replaces=first.id))
    store.withdraw([second.id])
    assert [record.id for record in store.records()] == [first.id]
    store.restore([second.id])
    assert [record.id for record in store.records()] == [second.id]


def test_a_record_is_found_by_the_beginning_of_its_id(store):
    store.add(make(id="abc1"))
    store.add(make(seed=2, id="abd2"))
    assert store.record("abc").id == "abc1"
    for name in ("ab", "x", "", "a%"):
        with pytest.raises(UnknownName):
            store.record(name)


def test_the_split_of_a_case_never_changes(place, filled):
    before = {case.case: case.part for case in filled.by_case()}
    for seed in range(30):
        filled.add(make(f"later {seed}", seed=1))
    filled.add(make("a", seed=99))
    with CorrectionStore(*place) as again:
        assert {case: again.part_of(case) for case in before} == before
        parts = [case.part for case in again.by_case()]
    assert sorted(set(parts)) == ["held-out", "training", "validation"]
    assert parts.count("held-out") in (6, 7)
    assert filled.count(Query(parts=("held-out",))) == sum(
        case.objects for case in filled.by_case() if case.part == "held-out"
    )


def test_an_import_may_say_what_a_new_case_is_for(store):
    for part in ("held-out", "training"):
        store.add(make(part, seed=1), part=part)
        store.add(make(part, seed=2), part="validation")  # too late
        assert store.part_of(part) == part


def test_a_pseudonym_is_stable_and_tells_nothing(store, tmp_path):
    name = store.pseudonym("DOE^JANE")
    assert name == store.pseudonym("DOE^JANE") != store.pseudonym("DOE^JOHN")
    assert "doe" not in name.lower()
    with CorrectionStore(tmp_path / "other.sqlite") as other:
        assert other.pseudonym("DOE^JANE") != name


def test_a_fingerprint_tells_records_apart(filled):
    prints = filled.fingerprints()
    assert len(set(prints.values())) == len(prints) == 5
    assert prints == filled.fingerprints()


def test_a_damaged_array_is_known_for_it(store):
    record = store.add(make())
    (path,) = [path for path in _files(store) if path.stem == record.accepted]
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(StorageError, match="damaged"):
        store.load(record)
    path.write_bytes(_other_png(store, record))
    with pytest.raises(StorageError, match="damaged"):
        store.load(record)
    path.unlink()
    with pytest.raises(StorageError, match="missing"):
        store.load(record)
    store.add(replace(make(), about=make(id="again").about))  # whoever has the pixels brings the file back
    assert store.load(record).accepted.any()


def test_equal_arrays_are_kept_once(store):
    for _ in range(3):
        store.add(make(case="x"))
    assert len(_files(store)) == 3  # image, accepted, proposal


@pytest.mark.parametrize(
    "database",
    ["mysql://host/name", "nonsense://", "sqlite:///:memory:", "sqlite://"],
)
def test_a_database_of_another_kind_is_refused(tmp_path, database):
    with pytest.raises(InvalidSetting):
        CorrectionStore(database, str(tmp_path))


def test_a_team_must_say_where_the_arrays_are(postgres):
    with pytest.raises(InvalidSetting, match="arrays"):
        CorrectionStore(postgres)


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "notes.sqlite"
    path.write_bytes(b"this is not a database, and long enough to be told from one" * 20)
    with pytest.raises(StorageError, match="not a database"):
        CorrectionStore(path)
    assert path.read_bytes().startswith(b"this is not")


def test_a_server_that_is_not_there_is_a_sentence_without_the_password(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(StorageError) as caught:
        CorrectionStore(f"postgresql://me:secret@/x?host={tmp_path}", str(tmp_path))
    assert "secret" not in str(caught.value)


def test_a_team_without_psycopg_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra) as caught:
        CorrectionStore("postgresql://me@host/x", str(tmp_path))
    assert "napari-medkd[team]" in caught.value.hint


def test_arrays_of_another_slice_are_refused():
    given = make()
    with pytest.raises(Exception, match="23 by 31"):
        Correction(given.about, given.image[:-1], given.accepted)


def test_arrays_may_be_anywhere_that_fsspec_reaches(tmp_path):
    with CorrectionStore(tmp_path / "c.sqlite", "memory://corrections") as store:
        record = store.add(make(painted=True))
        assert store.load(record).prompt == make(painted=True).prompt
        assert store.delete_cases(["a"]) == 1
        assert list(store.arrays.digests()) == []


def _files(store):
    from pathlib import Path

    return [path for path in Path(store.arrays.location).rglob("*") if path.is_file()]


def _other_png(store, record):
    (path,) = [path for path in _files(store) if path.stem == record.proposal]
    return path.read_bytes()
