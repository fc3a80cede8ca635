from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import StorageError
from napari_medkd.session import database
from napari_medkd.session.session import Session
from napari_medkd.session.state import Pending
from napari_medkd.session.worker import SyncWorker
from tests.doubles import ThresholdSegmenter
from tests.session.conftest import BOTH, LEFT, PLANE, RIGHT, heard, let_go


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


def commit(session, prompt):
    session.set_prompt(prompt)
    return session.commit()


def start(volume, folder, **how):
    """Open the image as the next process would; returns the session, the offer and what was said."""
    session = Session(SyncWorker(), folder)
    sentences = heard(session.notified)
    session.set_segmenter(ThresholdSegmenter())
    offer = session.open(volume, **how)
    session.set_plane(PLANE)
    return session, offer, sentences


def files(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def rows(path):
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT kind FROM operation ORDER BY id").fetchall()
    connection.close()
    return [kind for (kind,) in found]


# --- what is kept and what is offered ---


def test_looking_at_an_image_leaves_no_file(session, folder):
    session.set_prompt(LEFT)
    session.discard()
    let_go(session)
    assert files(folder) == []


def test_after_a_crash_all_is_offered_and_comes_back(session, volume, folder):
    session.update_class(1, name="polyp")
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    commit(session, RIGHT)
    session.set_prompt(BOTH)  # in hand, and lost
    labels, objects, classes = session.labels.copy(), dict(session.objects), session.classes
    let_go(session)

    again, offer, _ = start(volume, folder)
    assert (offer.objects, offer.classes) == (2, classes)
    assert str(offer).startswith("2 objects (polyp, vessel), last changed on 20")
    assert not again.labels.any()
    regions = heard(again.labels_changed)
    again.resume(offer)
    assert np.array_equal(again.labels, labels) and again.objects == objects and again.classes == classes
    assert regions[-1] == (slice(0, 7), slice(0, 37), slice(0, 57))
    assert again.unsaved and again.can_undo
    let_go(again)


def test_undo_goes_on_after_a_crash(session, volume, folder):
    commit(session, LEFT)
    commit(session, RIGHT)
    session.delete_at((2, 8, 8))
    session.undo()
    let_go(session)
    again, offer, _ = start(volume, folder)
    again.resume(offer)
    assert again.undo() == "commit of object 1"
    assert again.prompt == RIGHT and again.proposal.mask.sum() == 200 and again.labels.sum() == 150
    again.redo()
    assert again.labels.sum() == 350
    assert commit(again, Prompt(Plane(0, 4), points=(Point(12, 12),))).object_id == 3
    let_go(again)
    third, offer, _ = start(volume, folder)
    third.resume(offer)
    assert third.labels.sum() == 450 and sorted(third.objects) == [1, 2, 3]
    let_go(third)


def test_a_crash_while_correcting_loses_only_the_correction(session, volume, folder):
    commit(session, LEFT)
    session.reopen((2, 8, 8))
    session.set_prompt(BOTH)
    let_go(session)
    again, offer, _ = start(volume, folder)
    assert offer.objects == 1
    again.resume(offer)
    assert again.labels.sum() == 150 and again.objects[1].prompt == LEFT and again.proposal is None
    again.undo()
    assert again.proposal.object_id == 1 and not again.labels.any()
    again.undo()
    assert again.labels.sum() == 150
    let_go(again)


def test_work_on_existing_labels_comes_back_with_them(volume, segmenter, folder):
    labels = np.zeros(volume.shape, np.uint16)
    labels[2, 0:3] = 9
    labels[5] = 4
    session, _, _ = start(volume, folder, labels=labels)
    commit(session, LEFT)
    expected = session.labels.copy()
    let_go(session)
    again, offer, _ = start(volume, folder)
    again.resume(offer)
    assert np.array_equal(again.labels, expected)
    assert [found.value for found in again.classes] == [4, 9]
    let_go(again)


def test_what_was_saved_is_not_offered(session, volume, folder, tmp_path):
    commit(session, LEFT)
    changes = heard(session.journal_changed)
    assert session.unsaved
    session.save(tmp_path / "mask.nii.gz")
    assert not session.unsaved and changes
    session.close()
    assert files(folder) == []
    again, offer, _ = start(volume, folder)
    assert offer is None
    let_go(again)


def test_work_after_saving_is_offered(session, volume, folder, tmp_path):
    commit(session, LEFT)
    session.save(tmp_path / "mask.nii.gz")
    session.undo()
    assert session.unsaved
    session.close(Pending.DISCARD)
    again, offer, _ = start(volume, folder)
    assert offer.objects == 0
    again.resume(offer)
    assert not again.labels.any()
    let_go(again)


def test_forgetting_sets_the_journal_aside(session, volume, folder):
    commit(session, LEFT)
    let_go(session)
    again, offer, _ = start(volume, folder)
    again.forget(offer)
    (name,) = files(folder)
    assert ".aside-" in name and rows(folder / name) == ["base", "do"]
    with pytest.raises(StorageError, match="no longer on offer"):
        again.resume(offer)
    let_go(again)
    third, offer, _ = start(volume, folder)
    assert offer is None
    let_go(third)


def test_going_on_without_an_answer_sets_it_aside_too(session, volume, folder):
    commit(session, LEFT)
    let_go(session)
    again, offer, _ = start(volume, folder)
    assert offer is not None
    commit(again, RIGHT)
    assert len([name for name in files(folder) if ".aside-" in name]) == 1
    let_go(again)
    third, offer, _ = start(volume, folder)
    third.resume(offer)
    assert third.labels.sum() == 200
    let_go(third)


def test_each_image_has_its_own(session, folder):
    commit(session, LEFT)
    let_go(session)
    other = Volume.from_array(np.full((3, 9, 9), 200, np.uint8))
    again, offer, _ = start(other, folder)
    assert offer is None
    let_go(again)


def test_no_name_is_in_it(volume, folder):
    from dataclasses import replace
    from pathlib import Path

    named = replace(volume, name="DOE^JANE", source=Path("/clinic/doe_jane.dcm"), header={"id": "DOE4711"})
    session, _, _ = start(named, folder)
    commit(session, LEFT)
    (path,) = folder.glob("*.sqlite")
    let_go(session)
    assert path.stem == volume.content_id
    content = path.read_bytes().lower()
    for secret in (b"doe", b"jane", b"clinic", b"4711"):
        assert secret not in content


# --- what stands in the way ---


def test_two_windows_on_one_image_keep_a_journal_each(session, volume, folder):
    commit(session, LEFT)
    second, offer, sentences = start(volume, folder)
    assert offer is None
    commit(second, RIGHT)
    assert "in use by another window" in sentences[0]
    commit(session, RIGHT)
    let_go(session)
    let_go(second)
    names = [name for name in files(folder) if name.endswith(".sqlite")]
    assert names == [f"{volume.content_id}.2.sqlite", f"{volume.content_id}.sqlite"]
    assert rows(folder / names[0]) == ["base", "do"] and rows(folder / names[1]) == ["base", "do", "do"]
    third, offer, _ = start(volume, folder)  # the newest first
    assert offer.objects == 2
    third.resume(offer)
    assert third.labels.sum() == 350
    let_go(third)


@pytest.mark.parametrize("damage", ["garbage", "torn", "nonsense", "missing"])
def test_a_damaged_journal_is_set_aside(session, volume, folder, damage):
    commit(session, LEFT)
    let_go(session)
    path = folder / f"{volume.content_id}.sqlite"
    whole = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"not a database at all" * 300)
    elif damage == "torn":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        with sqlite3.connect(path) as connection:
            if damage == "nonsense":
                connection.execute("UPDATE object SET mask = x'00'")
            else:
                connection.execute("DELETE FROM operation WHERE kind = 'base'")
        connection.close()
    again, offer, sentences = start(volume, folder)
    assert offer is None and "damaged; it was set aside" in sentences[0]
    (name,) = files(folder)
    assert ".damaged-" in name
    commit(again, RIGHT)
    assert again.labels.sum() == 200
    let_go(again)


def test_a_foreign_file_is_left_alone(volume, folder):
    folder.mkdir()
    path = folder / f"{volume.content_id}.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE holiday (photo BLOB)")
    connection.close()
    before = path.read_bytes()
    session, offer, sentences = start(volume, folder)
    assert offer is None and "not a journal of ours" in sentences[0]
    commit(session, LEFT)
    let_go(session)
    assert path.read_bytes() == before
    assert rows(folder / f"{volume.content_id}.2.sqlite") == ["base", "do"]


def test_a_newer_journal_is_left_alone(session, volume, folder):
    commit(session, LEFT)
    let_go(session)
    path = folder / f"{volume.content_id}.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(database.MIGRATIONS) + 1}")
    connection.close()
    again, offer, sentences = start(volume, folder)
    assert offer is None and "newer version" in sentences[0] and path.exists()
    let_go(again)


def test_an_older_journal_is_brought_up_to_date(session, volume, folder, monkeypatch):
    commit(session, LEFT)
    let_go(session)
    newer = [*database.MIGRATIONS, ("ALTER TABLE operation ADD COLUMN reviewer TEXT",)]
    monkeypatch.setattr(database, "MIGRATIONS", newer)
    again, offer, _ = start(volume, folder)
    again.resume(offer)
    commit(again, RIGHT)
    assert again.labels.sum() == 350
    let_go(again)
    with sqlite3.connect(folder / f"{volume.content_id}.sqlite") as connection:
        assert connection.execute("SELECT count(reviewer), count(*) FROM operation").fetchone() == (0, 3)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(newer),)
    connection.close()


def test_a_folder_that_cannot_be_made(volume, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    session, _, _ = start(volume, blocked / "journal")
    session.set_prompt(LEFT)
    with pytest.raises(StorageError, match="journal cannot be written") as caught:
        session.commit()
    assert "Nothing was changed" in caught.value.hint
    assert not session.labels.any() and session.proposal is not None and session.objects == {}


# --- a full disk ---


@pytest.fixture
def full_disk(monkeypatch):
    """Return a switch: while it is on, SQLite finds no page to write to."""
    opened = []
    connect = sqlite3.connect

    def remember(*args, **how):
        opened.append(connect(*args, **how))
        return opened[-1]

    def switch(on: bool) -> None:
        pages = opened[-1].execute("PRAGMA page_count").fetchone()[0] if on else 10**6
        opened[-1].execute(f"PRAGMA max_page_count = {pages}")

    monkeypatch.setattr(sqlite3, "connect", remember)
    return switch


def noise(seed):
    """A painted mask that does not compress: more than a page of it."""
    return np.random.default_rng(seed).random((200, 200)) < 0.5


def test_a_full_disk_changes_nothing(tmp_path, full_disk):
    session, _, _ = start(Volume.from_array(np.zeros((3, 200, 200), np.uint8)), tmp_path)
    session.paint(noise(0), True)
    session.commit()
    before = session.labels.copy()
    session.paint(noise(1), True)
    full_disk(True)
    with pytest.raises(StorageError, match="full"):
        session.commit()
    assert np.array_equal(session.labels, before) and list(session.objects) == [1]
    assert np.array_equal(session.proposal.mask, noise(1))

    rows_of, columns_of = np.nonzero(noise(2))
    indices = (np.full(rows_of.size, 1), rows_of, columns_of)
    old = session.labels[indices].copy()
    session.labels[indices] = 3
    with pytest.raises(StorageError):
        session.record_paint(indices, old)
    assert np.array_equal(session.labels, before)
    with pytest.raises(StorageError):
        session.delete_at(tuple(np.argwhere(before)[0]))
    assert np.array_equal(session.labels, before)

    full_disk(False)
    session.commit()
    assert list(session.objects) == [1, 2]
    let_go(session)


def test_undo_on_a_full_disk_stays_where_it_is(tmp_path, volume, full_disk):
    session, _, _ = start(volume, tmp_path)
    commit(session, LEFT)
    full_disk(True)
    refused = 0
    for _ in range(200):  # rows of undo are small: some fit into the last page
        try:
            session.undo() if session.labels.any() else session.redo()
        except StorageError:
            refused += 1
            break
    assert refused and session.labels.sum() in (0, 150)
    assert session.labels.any() == (1 in session.objects)
    full_disk(False)
    session.undo() if session.labels.any() else session.redo()
    assert session.labels.any() == (1 in session.objects)
    let_go(session)


# --- saving ---


def test_saving_has_the_reopened_object_in_the_file(session, tmp_path):
    commit(session, LEFT)
    session.reopen((2, 8, 8))
    sentences = heard(session.notified)
    path = session.save(tmp_path / "mask.nii.gz")
    import nibabel

    written = np.asarray(nibabel.load(path).dataobj)
    assert (written != 0).sum() == 150
    assert not session.labels.any() and session.proposal is not None
    assert "not in the file" in sentences[0]
