"""Suggestions: found by the worker, cut at any threshold, accepted, rejected, taken up, undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt
from napari_medkd.models.card import Target
from napari_medkd.session.collecting import own_mask
from napari_medkd.session.cutting import Cut
from napari_medkd.session.looking import Place
from napari_medkd.session.prompting import seen_logits
from napari_medkd.session.session import Session
from napari_medkd.session.state import LockedClass, OverlapConflict, OverlapRule, Pending, PendingProposal
from napari_medkd.session.suggestion import Status
from napari_medkd.session.worker import Kind, SyncWorker
from tests.doubles import PROMPTS, ManualWorker, ThresholdSegmenter, failure
from tests.seeing import Seeing, nuclei
from tests.session.conftest import heard
from tests.session.test_collecting import Post

PLANE = Plane(0, 2)


def opened(segmenter=None, worker=None, folder=None) -> Session:
    session = Session(worker or SyncWorker(), folder)
    session.set_segmenter(segmenter or Seeing())
    session.open(nuclei())
    session.set_plane(PLANE)
    return session


@pytest.fixture
def session(tmp_path):
    return opened(folder=tmp_path)


def sizes(session):
    return [one.pixels for one in session.suggestions.all]


def keys(session):
    return [one.key for one in session.suggestions.all]


def test_a_slice_is_looked_at_and_the_least_sure_comes_first(session):
    changed, ended = heard(session.suggestions.changed), heard(session.suggestions.ended)
    session.look()
    found = session.suggestions.all
    assert len(found) == 3 and all(one.name == "nucleus" for one in found)
    assert found[0].score == min(one.score for one in found) and found[0].main.piece.corner == (30, 6)
    assert [session.suggestions.status(one.key) for one in found] == [Status.NEW] * 3
    assert found[0].size(session.volume.geometry) == pytest.approx(found[0].pixels * 0.25)
    assert changed and ended == [None] and not session.suggestions.is_looking
    assert session.proposal is None and not session.can_undo


def test_another_threshold_asks_no_network_and_keeps_names(session):
    session.look()
    segmenter, before, decided = session.segmenter, keys(session), keys(session)[2]
    session.reject([decided])
    looked = len(segmenter.embedded)
    session.suggestions.cut(Cut(threshold=0.9))
    assert len(session.suggestions.all) == 2 and len(segmenter.embedded) == looked
    assert session.suggestions.status(decided) is Status.REJECTED
    session.suggestions.cut(Cut(threshold=0.5))
    assert keys(session) == before


def test_all_parts_of_a_target_are_one_where_the_card_or_the_user_says(session):
    session.look()
    session.suggestions.cut(Cut(apart=False))
    (whole,) = session.suggestions.all
    assert whole.pixels == 3 * 113
    joined = opened(Seeing(targets=(Target(name="vessel", joined=True),)))
    joined.look()
    assert sizes(joined) == [339]
    joined.suggestions.cut(Cut(apart=True))
    assert sizes(joined) == [113, 113, 113]


def test_parts_of_neighbouring_slices_are_one_object(session):
    session.look([session.everywhere(0)])
    found = {one.planes: one for one in session.suggestions.all}
    assert len(session.suggestions.all) == 3 and set(found) == {(1, 3), (2, 2)}
    assert found[1, 3].pixels == 3 * 113
    assert found[1, 3].size(session.volume.geometry) == pytest.approx(3 * 113 * 0.75)
    assert [(one.plane.index, one.name) for one in session.suggestions.nothing] == [
        (0, "nucleus"),
        (4, "nucleus"),
    ]
    assert all(one.sure > 0.99 for one in session.suggestions.nothing)


def test_accepting_is_one_step_that_is_journalled_and_undone(session, tmp_path):
    session.look([session.everywhere(0)])
    session.accept(keys(session))
    assert (session.labels > 0).sum() == 7 * 113 and len(session.objects) == 3
    assert {one.name for one in session.classes} == {"object 1", "nucleus"}
    assert session.active_class.name == "object 1" and session.undo_title == "acceptance of 3 suggestions"
    assert {session.suggestions.status(key) for key in keys(session)} == {Status.ACCEPTED}
    session.undo()
    assert not session.labels.any() and not session.objects and not session.can_undo
    assert {session.suggestions.status(key) for key in keys(session)} == {Status.NEW}
    session.redo()
    labels = session.labels.copy()
    session._let_go()  # as a crash would
    again = Session(SyncWorker(), tmp_path)
    again.resume(again.open(nuclei()))
    np.testing.assert_array_equal(again.labels, labels)
    again.undo()
    assert not again.labels.any()


def test_what_is_committed_already_is_not_suggested_again(session):
    session.set_prompt(Prompt(PLANE, box=Box(2, 2, 22, 22)))
    session.commit()
    session.look()
    assert len(session.suggestions.all) == 2
    session.accept(keys(session))
    session.look()
    assert session.suggestions.all == ()


def test_other_classes_are_kept_overwritten_or_asked_about(session):
    session.look()
    first = next(one for one in session.suggestions.all if one.main.piece.corner == (6, 6))
    where = np.zeros((48, 64), bool)
    where[4:12] = True
    session.paint(where, True)
    session.commit()
    session.set_overlap_rule(OverlapRule.ASK)
    with pytest.raises(OverlapConflict):
        session.accept([first.key])
    assert session.suggestions.status(first.key) is Status.NEW
    made = session.accept([first.key], OverlapRule.KEEP)
    assert made.protected > 0 and made.written + made.protected == 113
    session.undo()
    assert session.accept([first.key], OverlapRule.OVERWRITE).written == 113


def test_a_locked_class_takes_nothing_and_nothing_is_lost(session):
    session.look()
    session.accept(keys(session)[:1])
    value = next(one.value for one in session.classes if one.name == "nucleus")
    session.update_class(value, locked=True)
    with pytest.raises(LockedClass):
        session.accept(keys(session))
    assert len(session.suggestions.new) == 2
    with pytest.raises(InvalidPrompt, match="No suggestion"):
        session.accept([])


def test_rejecting_is_undone(session):
    session.look()
    assert session.reject(keys(session)[:2]) == 2 and len(session.suggestions.new) == 1
    assert session.reject(keys(session)[:2]) == 0
    assert session.undo() == "rejection of 2 suggestions"
    assert len(session.suggestions.new) == 3
    session.redo()
    assert len(session.suggestions.new) == 1


def test_a_suggestion_taken_up_is_corrected_and_accepted_by_its_commit(session):
    session.look()
    key = keys(session)[0]
    assert session.take_up(key) and session.proposal.mask.sum() == 113
    assert session.active_class.name == "nucleus" and session.proposal.prediction.names == ("nucleus",)
    where = np.zeros((48, 64), bool)
    where[0, :5] = True
    session.paint(where, True)
    assert session.suggestions.status(key) is Status.NEW
    session.commit()
    assert session.suggestions.status(key) is Status.ACCEPTED and (session.labels > 0).sum() == 118
    session.undo()
    assert session.suggestions.status(key) is Status.NEW
    session.paint(where, False)
    session.commit()
    assert session.suggestions.status(key) is Status.ACCEPTED and (session.labels > 0).sum() == 113
    assert not session.take_up(("nobody", 0, 0))


def test_a_click_goes_on_from_a_suggestion_alone_among_others(session):
    session.look()
    session.take_up(keys(session)[0])
    logits = session.proposal.prediction.logits[0]
    assert (logits > 0).sum() == 113


def test_another_model_looks_and_a_click_goes_on_from_its_mask():
    session = opened(ThresholdSegmenter())
    session.look(looker=Seeing())
    session.take_up(keys(session)[0])
    mask, click = session.proposal.mask, Point(36, 12)
    session.set_prompt(Prompt(PLANE, (click,)))
    seen = session.segmenter.previous[-1]
    assert session.proposal.prediction.model_id == "threshold" and seen.modality == ""
    np.testing.assert_array_equal(seen.frame.to_mask(seen.logits), mask)
    session.undo()
    session.set_prompt(Prompt(PLANE, (click,), Box(28, 4, 44, 20)))
    assert session.segmenter.previous[-1] is None, "a box says better which object is meant"


def test_a_target_in_one_stays_but_for_where_a_click_is():
    session = opened(ThresholdSegmenter())
    session.look(looker=Seeing(targets=(Target(name="vessel", joined=True),)))
    session.suggestions.cut(Cut(threshold=0.9))
    session.take_up(keys(session)[0])
    mask, faint = session.proposal.mask, Point(36, 12)  # a disc that was left out at that threshold
    assert not mask[36, 12]
    for _ in range(2):
        session.set_prompt(Prompt(PLANE, (faint,)))
        found = session.proposal.mask
        assert found[34:39, 10:15].all() and not found[36, 30], "what was nearly found is there to be clicked"
        assert np.array_equal(found[:24], mask[:24]) and np.array_equal(found[:, 30:], mask[:, 30:])
        assert not session.segmenter.asked, "no network is asked"
        session.set_prompt(Prompt(PLANE, (faint, Point(12, 12, False))))
        assert not session.proposal.mask[12, 12] and session.proposal.mask[30, 44]
        session.undo()
        session.undo()
        assert np.array_equal(session.proposal.mask, mask), "undone, it is still all of a target"
    session.set_prompt(Prompt(PLANE, (faint,)))
    session.set_prompt(Prompt(PLANE, (Point(5, 50),)))  # it is dragged elsewhere
    assert not session.proposal.mask[36, 12] and session.proposal.mask[5, 50]
    painted = np.zeros((48, 64), bool)
    painted[0, :5] = True
    session.paint(painted, True)
    said = own_mask(session.proposal)
    assert said[5, 50] and not said[0, :5].any(), "what was said without the brush"
    session.set_prompt(Prompt(PLANE, (faint,), Box(28, 4, 44, 20)))
    assert len(session.segmenter.asked) == 1


def test_a_tree_that_was_accepted_and_is_opened_again_stays_but_for_where_a_click_is():
    picture = np.full((1, 48, 64), 20, np.uint8)
    picture[0, 24, 2:62] = picture[0, 10:24, 30] = 220
    session = Session(SyncWorker())
    session.set_segmenter(ThresholdSegmenter())
    session.open(Volume.from_array(picture))
    session.set_plane(Plane(0, 0))
    session.look(looker=Seeing(targets=(Target(name="vessel", joined=True),)))
    session.accept(keys(session))
    session.reopen((0, 24, 50))
    vessels = session.proposal.mask
    session.set_prompt(Prompt(Plane(0, 0), (Point(40, 50),)))
    found = session.proposal.mask
    assert vessels.sum() > 60 and found[40, 50] and not session.segmenter.asked
    rows, columns = np.nonzero(found != vessels)
    assert (np.hypot(rows - 40, columns - 50) < 5).all()
    session.set_prompt(Prompt(Plane(0, 0), (Point(40, 50), Point(24, 10, False))))
    assert not session.proposal.mask[24, 10] and session.proposal.mask[24, 30:60].all()
    elsewhere = replace(session.proposal, prompt=Prompt(Plane(0, 0)), prediction=None)
    click = Prompt(Plane(0, 1), (Point(24, 30),))
    assert seen_logits(click, elsewhere, session.segmenter) is None, "another slice"


def test_a_part_of_a_target_in_one_is_corrected_as_any_object():
    session = opened(ThresholdSegmenter())
    session.look(looker=Seeing(targets=(Target(name="vessel", joined=True),)))
    session.suggestions.cut(Cut(apart=True))
    session.take_up(keys(session)[0])
    session.set_prompt(Prompt(PLANE, (Point(36, 12),)))
    assert not session.segmenter.previous[-1].joined


def test_a_click_goes_on_from_an_accepted_suggestion_that_is_reopened(session):
    session.look()
    session.accept(keys(session)[:1])
    session.reopen((2, 36, 12))
    session.set_prompt(Prompt(PLANE, (Point(36, 12),)))
    assert (session.segmenter.previous[-1].logits > 0).any()


def test_another_model_looks_on_when_the_sessions_own_changes():
    worker = ManualWorker()
    session = opened(worker=worker)
    session.look([session.everywhere(0)], looker=Seeing(id="other"))
    session.set_segmenter(Seeing())
    worker.run_all()
    assert len(session.suggestions.review.answers) == 5 and not session.suggestions.is_looking


def test_taking_up_asks_about_a_proposal_and_takes_all_slices(session):
    session.look([session.everywhere(0)])
    whole = next(one for one in session.suggestions.all if one.planes == (1, 3))
    session.set_prompt(Prompt(PLANE, box=Box(2, 2, 22, 22)))
    with pytest.raises(PendingProposal):
        session.take_up(whole.key)
    session.take_up(whole.key, Pending.DISCARD)
    assert session.proposal.plane == PLANE and set(session.proposal.stack.sections) == {1, 3}
    session.commit()
    assert (session.labels > 0).sum() == 3 * 113 and len(session.objects) == 1


def test_a_model_that_needs_prompts_is_asked_everywhere():
    session = opened(Seeing(PROMPTS))
    session.look()
    assert sizes(session) == [113, 113, 113] and session.suggestions.all[0].name == ""
    session.accept(keys(session))
    assert len(session.objects) == 3 and set(np.unique(session.labels)) == {0, 1}
    (prompt,) = {one.prompt.plane for one in session.objects.values()}
    assert prompt == PLANE and all(one.prompt.points for one in session.objects.values())


def test_a_model_that_can_do_neither_is_refused(session):
    session.set_segmenter(Seeing(frozenset({"box"})))
    with pytest.raises(InvalidPrompt, match="takes no points"):
        session.look()
    session.set_segmenter(None)
    with pytest.raises(InvalidPrompt, match="No model"):
        session.look()


def test_the_router_says_what_kind_of_image_it_is_and_is_overridden():
    targets = Target(name="nucleus", modality="microscopy"), Target(name="lesion", modality="dermoscopy")
    session = opened(Seeing(targets=targets, kinds={"dermoscopy": 0.8, "microscopy": 0.2}))
    session.look()
    assert session.suggestions.review.kinds == {"dermoscopy": 0.8, "microscopy": 0.2}
    assert {one.name for one in session.suggestions.all} == {"lesion"}
    session.look(modality="microscopy")
    assert {one.name for one in session.suggestions.all} == {"nucleus"}
    assert session.suggestions.review.modality == "microscopy"
    session.take_up(keys(session)[0])
    session.set_prompt(Prompt(PLANE, (Point(36, 12),)))
    assert session.proposal.prediction.modality == "microscopy", "a click keeps to the kind that was said"


def test_other_images_wait_for_being_opened(session):
    other = nuclei()
    other.data[2, 30:42, 6:20] = 20
    vars(other).pop("content_id", None)
    session.look([session.everywhere(0), Place(other, (PLANE,))])
    assert session.suggestions.waiting() == {session.volume.content_id: 3, other.content_id: 2}
    session.open(other)
    assert sizes(session) == [113, 113]
    session.suggestions.forget()
    assert session.suggestions.review is None and not session.suggestions.all


def test_clicks_go_first_and_looking_is_stopped():
    worker = ManualWorker()
    session = opened(worker=worker)
    worker.run_all()
    ended = heard(session.suggestions.ended)
    session.look([session.everywhere(0)])
    assert session.suggestions.is_looking
    assert worker.run() is Kind.LOOK and worker.run() is Kind.CUT
    session.set_prompt(Prompt(PLANE, box=Box(2, 2, 22, 22)))
    assert worker.run() is Kind.ANSWER and session.proposal.mask.sum() == 113
    session.suggestions.stop()
    worker.run_all()
    assert ended == [None] and len(session.suggestions.review.answers) == 1
    assert len(session.suggestions.all) == 3
    session.look()
    session.set_segmenter(None)
    assert not session.suggestions.is_looking


def test_a_failure_is_told_and_nothing_found_before_is_lost(session):
    session.look()
    ended = heard(session.suggestions.ended)
    session.segmenter.failure = failure()
    session.look([session.everywhere(1)])
    assert [str(error) for error in ended] == [str(failure())] and not session.suggestions.is_looking
    assert len(session.suggestions.all) == 3


def test_accepted_suggestions_are_kept_to_learn_from_once_a_slice_and_class(session, tmp_path):
    post = Post(tmp_path / "kept")
    session.collecting.keeper = post
    session.look()
    session.accept(keys(session))
    (record,) = post.standing()
    assert (record.label, record.index, record.model, record.marks) == ("nucleus", 2, "seeing", ())
    assert record.dice == 1.0
    session.undo()
    assert post.standing() == []
    session.redo()
    assert len(post.standing()) == 1
    post.store.close()
