"""Objects of the volume: followed, corrected, committed, reopened, journalled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.overlap import dice
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt, MedkdError
from napari_medkd.inference.volumetric import Reach, Why
from napari_medkd.session.session import Session
from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending, PendingProposal
from napari_medkd.session.worker import Kind, SyncWorker
from tests.doubles import ManualWorker, ThresholdSegmenter, failure
from tests.session.conftest import heard, let_go
from tests.standing_still import stand_still

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MIDDLE = Plane(0, 5)
BOX = Prompt(MIDDLE, box=Box(6, 8, 26, 32))


@pytest.fixture(scope="module")
def organ() -> NDArray[np.uint8]:
    """A bright block on slices 2 to 9 that leans a little."""
    data = np.zeros((12, 34, 42), np.uint8)
    for z in range(2, 10):
        data[z, 8 + z // 2 : 20 + z // 2, 12 : 27 + z // 3] = 200
    return data


@pytest.fixture(autouse=True)
def still(monkeypatch):
    stand_still(monkeypatch)


@pytest.fixture
def volume(organ) -> Volume:
    return Volume.from_array(organ, geometry=Geometry.image(organ.shape, (3.0, 0.7, 0.8)))


@pytest.fixture
def session(volume: Volume, tmp_path: Path) -> Iterator[Session]:
    session = ready(volume, SyncWorker(), tmp_path / "journal")
    yield session
    let_go(session)


def ready(volume: Volume, worker, folder=None) -> Session:
    session = Session(worker, folder)
    session.set_segmenter(ThresholdSegmenter())
    session.open(volume)
    session.set_plane(MIDDLE)
    return session


@pytest.fixture
def followed(session: Session) -> Session:
    session.set_prompt(BOX)
    session.propagate()
    return session


def test_a_model_that_takes_masks_over_is_shown_them_here_too(session: Session):
    architecture = session.segmenter.card.architecture.model_copy(update={"handed": True})
    session.segmenter.card = session.segmenter.card.model_copy(update={"architecture": architecture})
    session.set_prompt(BOX)
    session.segmenter.previous.clear()
    session.propagate()
    assert session.segmenter.previous and None not in session.segmenter.previous


def test_another_model_follows_where_the_loaded_one_has_one_for_it(session: Session):
    class Fast(ThresholdSegmenter):
        follower = ThresholdSegmenter(id="follower")

    session.set_segmenter(fast := Fast())
    session.set_prompt(BOX)
    asked = len(fast.asked)
    session.propagate()
    assert len(fast.asked) == asked and len(fast.follower.asked) >= 7
    assert set(fast.follower.embedded) >= {Plane(0, index) for index in (2, 3, 4, 6, 7, 8, 9)}


def in_hand(session: Session) -> NDArray[np.bool_]:
    """Return the object in hand in the volume."""
    held = np.zeros(session.labels.shape, bool)
    for plane, mask in session.proposal.masks():
        held[plane.slicing()] = mask
    return held


def test_one_slice_becomes_an_object_and_one_undo_step(followed, organ):
    assert sorted(followed.sections) == list(range(2, 10))
    assert followed.undo_title == "propagation"
    assert {(end.plane.index, end.why) for end in followed.progress.ends} == {
        (2, Why.VANISHED),
        (9, Why.VANISHED),
    }
    followed.undo()
    assert list(followed.sections) == [5]
    followed.redo()
    shown = in_hand(followed)
    assert dice(shown, organ) > 0.95
    result = followed.commit()
    assert result.written == int(shown.sum()) and len(followed.objects) == 1
    assert np.array_equal(followed.labels > 0, shown)
    followed.undo()
    assert not followed.labels.any() and len(followed.sections) == 8


def test_it_is_found_on_any_slice_reopened_and_deleted_whole(followed):
    shown = in_hand(followed)
    followed.commit()
    assert followed.reopen((8, 18, 20))
    assert not followed.labels.any() and len(followed.sections) == 8
    followed.discard()
    assert np.array_equal(followed.labels > 0, shown)
    assert followed.delete_in(Plane(1, 15), np.ones((12, 42), bool)) == 1
    assert not followed.labels.any()
    followed.undo()
    assert followed.delete_at((3, 15, 20)) and not followed.labels.any()


def test_a_crash_loses_nothing_of_it(followed, volume, tmp_path):
    shown = in_hand(followed)
    followed.commit()
    let_go(followed)
    again = Session(SyncWorker(), tmp_path / "journal")
    again.resume(again.open(volume))
    assert np.array_equal(again.labels > 0, shown)
    (found,) = again.objects.values()
    assert len(found.sheets) == 8 and not any(one.is_given for one in found.stack.sections.values())
    again.undo()
    assert sorted(again.sections) == list(range(2, 10))
    let_go(again)


def test_locked_classes_and_the_overlap_rule_hold_on_every_slice(followed):
    shown = in_hand(followed)
    followed.discard()
    followed.set_plane(Plane(0, 7))
    followed.set_prompt(Prompt(Plane(0, 7), box=Box(6, 8, 15, 40)))
    followed.commit()
    stands = int((followed.labels[shown] > 0).sum())
    followed.add_class("other")
    followed.set_active(2)
    followed.set_plane(MIDDLE)
    followed.set_prompt(BOX)
    followed.propagate()
    with pytest.raises(OverlapConflict) as conflict:
        followed.commit(OverlapRule.ASK)
    assert conflict.value.voxels == stands
    kept = followed.commit(OverlapRule.KEEP)
    assert kept.protected == stands and kept.written == int(shown.sum()) - stands
    followed.undo()
    followed.commit(OverlapRule.OVERWRITE)
    assert np.array_equal(followed.labels == 2, shown)


def test_taking_a_slice_of_it_takes_only_that(followed):
    followed.commit()
    z, y, x = (axis.ravel() for axis in np.nonzero(followed.labels[4:5] > 0))
    indices = (z + 4, y, x)
    old = followed.labels[indices].copy()
    followed.labels[indices] = 0
    followed.record_paint(indices, old)
    (found,) = followed.objects.values()
    assert len(found.sheets) == 7 and all(plane.index != 4 for plane, _ in found.sheets)


def test_after_a_correction_only_the_slices_beside_it_are_done_again(followed):
    segmenter = followed.segmenter
    segmenter.asked.clear()
    followed.set_plane(Plane(0, 8))
    said = followed.prompt_on(Plane(0, 8))
    assert len(said.points) == 1 and said.box is None  # what asked for the slice
    followed.set_prompt(said.with_point(Point(15, 15)))
    assert followed.proposal.plane.index == 8 and len(followed.sections) == 8
    segmenter.asked.clear()
    followed.propagate()
    assert {prompt.plane.index for prompt in segmenter.asked} == {6, 7, 9, 10, 11}
    assert [index for index, one in sorted(followed.sections.items()) if one.is_given] == [5, 8]


def test_a_new_box_says_anew_where_the_object_is_on_a_slice(followed):
    plane = Plane(0, 8)
    followed.set_prompt(followed.prompt_on(plane).with_box(Box(10, 10, 26, 32)))
    assert followed.prompt.points == () and followed.prompt.box == Box(10, 10, 26, 32)


def test_an_accepted_slice_is_gone_out_from(followed):
    assert followed.accept_slice(Plane(0, 7)) and not followed.accept_slice(Plane(0, 7))
    assert followed.sections[7].is_given and followed.undo_title == "acceptance of a slice"


def test_two_slices_far_apart_are_one_object_where_the_user_says_so(session, organ):
    session.set_prompt(BOX)
    with pytest.raises(PendingProposal):
        session.set_prompt(Prompt(Plane(0, 9), box=Box(6, 8, 30, 36)))
    session.join_slices()
    session.set_prompt(Prompt(Plane(0, 9), box=Box(6, 8, 30, 36)))
    assert sorted(session.sections) == [5, 9]
    session.interpolate()
    assert sorted(session.sections) == [5, 6, 7, 8, 9] and session.sections[7].score is None
    session.propagate(reach=Reach(5, 9))
    session.commit()
    assert dice(session.labels[5:10], organ[5:10]) > 0.95


def test_painted_slices_are_interpolated_without_any_model(volume):
    session = Session(SyncWorker())
    session.open(volume)
    where = np.zeros((34, 42), bool)
    where[10:20, 10:20] = True
    session.set_plane(Plane(0, 2))
    session.paint(where, True)
    session.join_slices()
    session.set_plane(Plane(0, 6))
    session.paint(where, True)
    session.interpolate()
    assert sorted(session.sections) == [2, 3, 4, 5, 6]
    with pytest.raises(InvalidPrompt, match="No model"):
        session.propagate()


def test_taking_back_what_was_said_on_one_slice_keeps_the_others(followed):
    followed.set_prompt(followed.prompt_on(Plane(0, 8)).with_point(Point(15, 15)))
    followed.set_prompt(Prompt(Plane(0, 8)))
    assert sorted(followed.sections) == [2, 3, 4, 5, 6, 7, 9]
    followed.undo()
    assert 8 in followed.sections


def test_a_prompt_across_another_axis_is_another_object(followed):
    with pytest.raises(PendingProposal):
        followed.set_prompt(Prompt(Plane(1, 12), points=(Point(5, 15),)))
    assert len(followed.sections) == 8


class TestWhileItRuns:
    @pytest.fixture
    def running(self, volume) -> tuple[Session, ManualWorker]:
        worker = ManualWorker()
        session = ready(volume, worker)
        session.set_prompt(BOX)
        worker.run_all()
        session.propagate()
        return session, worker

    def test_each_slice_is_shown_as_it_comes_and_clicks_go_first(self, running):
        session, worker = running
        seen = heard(session.proposal_changed)
        assert worker.run() is Kind.SWEEP and worker.run() is Kind.SWEEP
        assert [len(one.stack.sections) for one in seen] == [1, 2] and session.is_propagating
        session.set_plane(Plane(0, 6))
        assert worker.run() is Kind.ENCODE

    def test_it_can_be_stopped_and_what_was_found_stays(self, running):
        session, worker = running
        told = heard(session.propagation_changed)
        worker.run()
        late = worker.start()
        session.stop_propagation()
        worker.finish(late)
        assert len(session.sections) == 2 and not session.is_propagating and not told[-1].is_running
        assert Kind.SWEEP not in worker.run_all()

    @pytest.mark.parametrize("act", ["undo", "discard", "commit", "close"])
    def test_whatever_else_is_done_ends_it(self, running, act):
        session, worker = running
        worker.run()
        getattr(session, act)(*([Pending.DISCARD] if act == "close" else []))
        assert not session.is_propagating and Kind.SWEEP not in worker.run_all()

    def test_a_failure_is_said_and_keeps_what_was_found(self, running):
        session, worker = running
        worker.run()
        session.segmenter.failure = failure()
        worker.run()
        assert session.error is not None and not session.is_propagating and len(session.sections) == 2

    def test_it_waits_for_the_mask(self, volume):
        worker = ManualWorker()
        session = ready(volume, worker)
        session.set_prompt(BOX)
        with pytest.raises(InvalidPrompt, match="still answering"):
            session.propagate()


@pytest.mark.parametrize(("flip", "axis"), [((), 0), ((0,), 0), ((1,), 0), ((0, 2), 1), ((1,), 2)])
def test_stored_otherwise_it_is_the_same_object_in_the_patient(organ, flip, axis):
    """Flipped and y-reversed storage, anisotropic and oblique: within half a voxel."""
    lean = np.array([[0.98, 0.17, 0, 5], [-0.17, 0.98, 0, -9], [0, 0, 1, 30], [0, 0, 0, 1]], np.float64)
    affine = lean @ np.diag([3.0, 0.7, 0.8, 1])[[2, 1, 0, 3]]
    stored, placed = np.flip(organ, flip), affine.copy()
    for along in flip:
        placed[:3, 3] += placed[:3, along] * (organ.shape[along] - 1)
        placed[:3, along] *= -1
    geometry = Geometry(organ.shape, placed)
    session = Session(SyncWorker())
    session.set_segmenter(ThresholdSegmenter())
    session.open(replace(Volume.from_array(np.ascontiguousarray(stored)), geometry=geometry))
    held = np.flatnonzero((stored > 0).any(axis=tuple({0, 1, 2} - {axis})))
    plane = Plane(axis, int(held[len(held) // 2]))
    session.set_prompt(Prompt(plane, box=Box.around(stored[plane.slicing()] > 0)))
    session.propagate()
    session.commit()
    straight = Geometry(organ.shape, affine)
    found = straight.to_index(geometry.to_world(np.argwhere(session.labels > 0))).mean(axis=0)
    assert np.abs(found - np.argwhere(organ > 0).mean(axis=0)).max() < 0.5  # voxels
    assert dice(session.labels, stored) > 0.93


def test_nothing_to_follow_is_a_sentence(session):
    for act in (session.propagate, session.interpolate, session.join_slices):
        with pytest.raises(MedkdError, match="no object"):
            act()


def test_an_object_ends_where_the_user_says_so(followed):
    assert followed.end_at(Plane(0, 5)) == followed.end_at(Plane(1, 8)) == 0
    assert followed.end_at(Plane(0, 8)) == 1 and followed.end_at(Plane(0, 3)) == -1
    assert sorted(followed.sections) == [3, 4, 5, 6, 7, 8]
    assert followed.undo_title == "end of the object"
    followed.undo()
    followed.undo()
    assert sorted(followed.sections) == list(range(2, 10))


def test_what_was_found_outside_the_range_is_taken_back(followed):
    followed.accept_slice(Plane(0, 9))
    followed.propagate(reach=Reach(3, 8))
    assert sorted(followed.sections) == [3, 4, 5, 6, 7, 8, 9]
