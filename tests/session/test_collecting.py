"""What a session gives to whoever keeps corrections, and what becomes of them afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.prompts import Point
from napari_medkd.corrections import Outbox
from napari_medkd.corrections.query import Query
from napari_medkd.corrections.store import CorrectionStore
from napari_medkd.errors import StorageError
from napari_medkd.session.session import Session
from napari_medkd.session.state import OverlapRule
from napari_medkd.session.worker import SyncWorker
from tests.session.conftest import LEFT, PLANE, RIGHT, heard, let_go

INSIDE = (2, 8, 8)  # a voxel of the left block


class Post:
    """Keeps by way of a real outbox and a real store, at once."""

    def __init__(self, folder):
        self.outbox, self.store = Outbox(folder / "outbox"), CorrectionStore(folder / "c.sqlite")

    def add(self, given):
        self.outbox.post(given)

    def withdraw(self, id):
        self.outbox.post_change(id, "withdraw")

    def restore(self, id):
        self.outbox.post_change(id, "restore")

    def drop(self, id):
        self.outbox.post_change(id, "drop")

    def standing(self):
        self.outbox.deliver(self.store)
        return list(self.store.records())

    def everything(self):
        self.outbox.deliver(self.store)
        return self.store.count(Query(everything=True))


@pytest.fixture
def post(session, tmp_path):
    post = Post(tmp_path / "kept")
    session.collecting.keeper = post
    yield post
    post.store.close()


def test_nothing_is_kept_unless_somebody_keeps(session):
    session.set_prompt(LEFT)
    session.commit()
    assert [found.correction for found in session.objects.values()] == [""]


def test_a_commit_is_kept_with_what_was_said_proposed_and_accepted(session, post, volume):
    session.collecting.annotator = "reader 1"
    session.set_prompt(LEFT)
    session.set_prompt(replace(LEFT, points=(*LEFT.points, Point(9, 9))))
    where = np.zeros(PLANE.shape(volume.shape), np.bool_)
    where[0, :10] = True
    session.paint(where, True)
    session.commit()
    (record,) = post.standing()
    assert record.id == session.objects[1].correction
    assert (record.label, record.model, record.annotator) == ("object 1", "threshold", "reader 1")
    assert record.case == record.source == volume.content_id
    first, second = (mark.seconds for mark in record.marks)
    assert first == 0 and second >= 0 and record.seconds >= second
    given = post.store.load(record)
    assert given.accepted.sum() == 160 and given.proposal.sum() == 150
    assert record.dice == record.dice_first == pytest.approx(2 * 150 / 310)


def test_undo_takes_it_back_and_redo_brings_it_again(session, post):
    session.set_prompt(LEFT)
    session.commit()
    session.undo()
    assert post.standing() == [] and post.everything() == 1
    session.redo()
    assert len(post.standing()) == 1


def test_a_second_correction_takes_the_place_of_the_first(session, post):
    session.set_prompt(LEFT)
    session.commit()
    (first,) = post.standing()
    session.reopen(INSIDE)
    assert post.standing() == [first], "opening it for correction is no change of mind"
    session.set_prompt(replace(session.prompt, points=(*LEFT.points, Point(6, 6))))
    session.commit()
    (second,) = post.standing()
    assert second.replaces == first.id
    assert second.seconds is None, "it was not begun before our eyes"
    session.undo()
    assert post.standing() == [first]
    session.redo()
    assert post.standing() == [second]


@pytest.mark.parametrize("is_open", [False, True])
def test_a_deleted_object_takes_its_corrections_along(session, post, is_open):
    session.set_prompt(LEFT)
    session.commit()
    session.reopen(INSIDE)
    session.set_prompt(replace(session.prompt, points=(*LEFT.points, Point(6, 6))))
    session.commit()
    if is_open:
        session.reopen(INSIDE)
    session.delete_at(INSIDE)
    assert post.standing() == [], "nor does the first one come back"
    session.undo()
    assert [record.replaces != "" for record in post.standing()] == [True]


def test_an_object_that_another_covers_wholly_is_gone(session, post):
    session.set_prompt(LEFT)
    session.commit_and_next()
    session.set_prompt(LEFT)
    session.commit(OverlapRule.OVERWRITE)
    assert [record.label for record in post.standing()] == ["object 2"]
    session.undo()
    assert [record.label for record in post.standing()] == ["object 1"]


def test_a_full_disk_costs_the_correction_and_not_the_commit(session, post, monkeypatch):
    def full(given):
        raise StorageError("The correction could not be kept: no space left.")

    monkeypatch.setattr(post, "add", full)
    sentences = heard(session.notified)
    session.set_prompt(RIGHT)
    session.commit()
    assert session.labels.sum() == 200 and "could not be kept" in sentences[-1]


def test_the_journal_remembers_which_correction_it_was(session, post, volume, segmenter, tmp_path):
    session.set_prompt(LEFT)
    session.commit()
    (record,) = post.standing()
    let_go(session)
    again = Session(SyncWorker(), tmp_path / "journal")
    again.collecting.keeper = post
    again.set_segmenter(segmenter)
    again.resume(again.open(volume))
    assert again.objects[1].correction == record.id
    again.undo()
    assert post.standing() == []
    let_go(again)
