from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import GeometryMismatch, InvalidPrompt, UnknownName
from napari_medkd.session.session import Session
from napari_medkd.session.state import (
    InvalidClass,
    LockedClass,
    OverlapConflict,
    OverlapRule,
    Pending,
    PendingProposal,
    State,
)
from napari_medkd.session.worker import SyncWorker
from tests.doubles import ThresholdSegmenter
from tests.session.conftest import BOTH, LEFT, PLANE, RIGHT, heard

LEFT_BLOCK = (slice(2, 3), slice(5, 15), slice(5, 20))


def commit(session, prompt, **how):
    session.set_prompt(prompt)
    return session.commit(**how)


def region_of(shape, rows, columns):
    region = np.zeros(shape, bool)
    region[rows, columns] = True
    return region


# --- the way of a click ---


def test_states_from_nothing_to_a_commit(volume, segmenter):
    session = Session(SyncWorker())
    states = heard(session.state_changed)
    assert session.state is State.NO_IMAGE and session.labels is None and session.objects == {}
    session.open(volume)
    session.set_loading("LiteMedSAM is being loaded")
    session.set_segmenter(segmenter)
    session.set_plane(PLANE)
    session.set_prompt(LEFT)
    session.commit()
    session.set_plane(Plane(0, 3))
    session.close()
    assert states == [
        State.NO_MODEL,
        State.LOADING,
        State.READY,
        State.PROPOSAL,
        State.COMMITTED,
        State.READY,
        State.NO_IMAGE,
    ]


def test_a_click_gives_candidates(session):
    proposals, prompts = heard(session.proposal_changed), heard(session.prompt_changed)
    session.set_prompt(LEFT)
    proposal = session.proposal
    assert proposals == [proposal] and prompts == [LEFT]
    assert (proposal.mask.sum(), proposal.score, proposal.candidates, proposal.choice) == (150, 0.9, 3, 0)
    assert proposal.plane == PLANE and not session.labels.any()


def test_candidates_go_round(session):
    session.cycle(1)  # nothing to choose from yet
    session.set_prompt(LEFT)
    sizes = []
    for _ in range(3):
        session.cycle(1)
        sizes.append((int(session.proposal.mask.sum()), session.proposal.score))
    assert sizes == [(254, 0.7), (104, 0.5), (150, 0.9)]
    session.cycle(-1)
    assert session.proposal.choice == 2
    session.set_prompt(BOTH)
    before = session.proposal
    session.cycle(1)  # a box has one answer
    assert session.proposal is before


def test_a_commit_writes_and_tells(session):
    regions = heard(session.labels_changed)
    result = commit(session, LEFT)
    assert (result.object_id, result.written, result.protected) == (1, 150, 0)
    assert regions == [LEFT_BLOCK]
    assert (session.labels[LEFT_BLOCK] == 1).all() and session.labels.sum() == 150
    found = session.objects[1]
    assert (found.value, found.prompt, found.score, found.model_id) == (1, LEFT, 0.9, "threshold")
    assert found.mask.sum() == 150
    assert session.proposal is None and session.prompt is None and session.unsaved


def test_nothing_to_commit(session, segmenter):
    with pytest.raises(InvalidPrompt, match="no proposal"):
        session.commit()
    session.set_prompt(Prompt(PLANE, points=(Point(0, 0),)))  # on the background
    with pytest.raises(InvalidPrompt, match="empty"):
        session.commit()
    assert session.proposal is not None


def test_without_an_image_there_is_a_sentence(segmenter):
    session = Session(SyncWorker())
    session.set_segmenter(segmenter)
    for action in (
        lambda: session.set_prompt(LEFT),
        lambda: session.set_plane(PLANE),
        session.commit,
        lambda: session.add_class("liver"),
        lambda: session.paint(np.ones((2, 2), bool), True),
    ):
        with pytest.raises(InvalidPrompt, match="No image is open"):
            action()
    session.discard()
    session.set_preview(LEFT)
    assert session.undo() == session.redo() == ""
    assert [found.name for found in session.classes] == ["object 1"]


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (Prompt(PLANE, points=(Point(40, 3),)), "outside the image"),
        (Prompt(PLANE, box=Box(50, 50, 60, 60)), "outside the image"),
        (Prompt(Plane(0, 7), points=(Point(3, 3),)), "Slice 7 does not exist"),
    ],
)
def test_a_prompt_that_misses_changes_nothing(session, prompt, sentence):
    session.set_prompt(LEFT)
    before = session.proposal
    with pytest.raises(InvalidPrompt, match=sentence):
        session.set_prompt(prompt, Pending.DISCARD)
    assert session.proposal is before and session.prompt == LEFT


def test_a_prompt_that_the_model_cannot_take(session):
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"box"}), id="boxes"))
    with pytest.raises(InvalidPrompt, match="does not understand"):
        session.set_prompt(LEFT)
    assert session.prompt is None and not session.can_undo
    session.set_prompt(BOTH)
    assert session.proposal.mask.sum() == 350


def test_an_empty_prompt_discards(session):
    session.set_prompt(LEFT)
    session.set_prompt(Prompt(PLANE))
    assert session.proposal is None and session.prompt is None
    session.undo()
    assert session.proposal.mask.sum() == 150
    session.set_prompt(None)
    assert session.proposal is None


def test_saying_the_same_again_is_no_step(session):
    session.set_prompt(LEFT)
    steps = heard(session.history_changed)
    session.set_prompt(Prompt(PLANE, points=(Point(8, 8),)))
    assert steps == []


# --- painting in the proposal ---


def test_painted_pixels_outlive_every_answer(session):
    session.set_prompt(LEFT)
    session.paint(region_of((37, 57), slice(0, 3), slice(0, 3)), painted=True)
    session.paint(region_of((37, 57), 10, slice(5, 10)), painted=False)
    assert session.proposal.mask.sum() == 150 + 9 - 5
    session.set_prompt(session.prompt.with_point(Point(25, 40)))
    mask = session.proposal.mask
    assert mask[:3, :3].all() and not mask[10, 5:10].any() and mask[25, 40]
    session.cycle(1)
    assert session.proposal.mask[:3, :3].all() and not session.proposal.mask[10, 5:10].any()


def test_painting_does_not_ask_the_model(session, segmenter):
    session.set_prompt(LEFT)
    session.paint(region_of((37, 57), 0, 0), painted=True)
    assert len(segmenter.asked) == 1


def test_painting_alone_makes_an_object(session, segmenter):
    session.paint(region_of((37, 57), 0, slice(0, 9)), painted=False)
    assert session.prompt is None  # nothing to erase
    session.paint(region_of((37, 57), 0, slice(0, 9)), painted=True)
    assert session.proposal.mask.sum() == 9 and session.proposal.score is None
    session.paint(region_of((37, 57), 0, slice(0, 2)), painted=False)
    session.commit()
    assert session.labels.sum() == 7 and session.objects[1].model_id == ""
    assert segmenter.asked == []


def test_painting_needs_no_model(volume):
    session = Session(SyncWorker())
    session.open(volume)
    session.set_plane(PLANE)
    session.paint(region_of((37, 57), 0, slice(0, 9)), painted=True)
    assert session.state is State.PROPOSAL
    assert session.commit().written == 9


def test_painting_on_a_box_only_model(session):
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"box"}), id="boxes"))
    session.set_prompt(BOTH)
    session.paint(region_of((37, 57), 0, 0), painted=True)
    session.set_prompt(replace(session.prompt, box=Box(0, 0, 18, 30)))
    assert session.proposal.mask.sum() == 151 and session.proposal.mask[0, 0]


def test_unpainting_asks_again(session):
    """Taking painted pixels out of the prompt gives what the model says there."""
    session.set_prompt(LEFT)
    session.paint(region_of((37, 57), 10, slice(5, 10)), painted=False)
    session.set_prompt(replace(session.prompt, edits=Edits.none((37, 57))))
    assert session.proposal.mask.sum() == 150


def test_painting_off_the_grid_is_a_sentence(session):
    with pytest.raises(GeometryMismatch, match="slice"):
        session.paint(np.ones((3, 3), bool), True)
    with pytest.raises(GeometryMismatch, match="slice"):
        session.set_prompt(Prompt(PLANE, edits=Edits.none((3, 3))))


# --- what the model is given back ---


def test_the_mask_on_the_screen_is_given_back_when_a_click_is_added(session, segmenter):
    session.set_prompt(LEFT)
    session.cycle(1)
    shown = session.proposal.prediction.logits[1]  # of the larger one
    session.set_prompt(LEFT.with_point(Point(25, 40)))
    assert segmenter.previous[0] is None
    assert np.array_equal(segmenter.previous[1].logits, shown)


def test_a_moved_click_starts_afresh(session, segmenter):
    session.set_prompt(LEFT)
    session.set_prompt(RIGHT)
    assert segmenter.previous == [None, None]


def test_a_model_without_mask_prompts_gets_none(session):
    plain = ThresholdSegmenter(capabilities=frozenset({"point"}), id="plain")
    session.set_segmenter(plain)
    session.set_prompt(LEFT)
    session.set_prompt(LEFT.with_point(Point(25, 40)))
    assert plain.previous == [None, None]


# --- overlap and locks ---


def test_existing_voxels_are_kept_and_counted(session):
    sentences = heard(session.notified)
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    result = commit(session, BOTH)
    assert (result.written, result.protected) == (200, 150)
    assert sentences == ["150 protected pixels were left alone."]
    assert (session.labels[LEFT_BLOCK] == 1).all()
    assert session.objects[2].mask.sum() == 200


def test_overwriting_takes_voxels_from_the_other_object(session):
    session.set_overlap_rule(OverlapRule.OVERWRITE)
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    commit(session, Prompt(PLANE, box=Box(5, 5, 9, 40)))
    assert session.objects[1].mask.sum() == 75 and session.objects[2].mask.sum() == 75
    session.delete_at((2, 12, 8))
    assert (session.labels == 2).sum() == 75 and (session.labels == 1).sum() == 0
    session.undo()
    session.undo()
    assert session.objects[1].mask.sum() == 150 and session.labels.sum() == 150


def test_deleting_what_overwrote_restores_nothing(session):
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    commit(session, Prompt(PLANE, box=Box(5, 5, 9, 40)), overlap=OverlapRule.OVERWRITE)
    assert session.delete_at((2, 6, 8))
    assert session.labels[LEFT_BLOCK][0, :5].sum() == 0
    assert (session.labels == 1).sum() == 75


def test_asking_keeps_the_proposal_until_there_is_an_answer(session):
    session.set_overlap_rule(OverlapRule.ASK)
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    session.set_prompt(BOTH)
    with pytest.raises(OverlapConflict, match="150 pixels of object 1"):
        session.commit()
    assert session.proposal is not None and (session.labels == 2).sum() == 0
    assert session.commit(OverlapRule.KEEP).protected == 150


def test_locked_classes_are_never_touched(session):
    commit(session, LEFT)
    session.update_class(1, locked=True)
    session.add_class("vessel")
    session.set_active(2)
    assert commit(session, BOTH, overlap=OverlapRule.OVERWRITE).protected == 150
    for forbidden in (
        lambda: session.delete_at((2, 8, 8)),
        lambda: session.reopen((2, 8, 8)),
    ):
        with pytest.raises(LockedClass, match="object 1 is locked"):
            forbidden()
    session.set_active(1)
    session.set_prompt(LEFT)
    with pytest.raises(LockedClass):
        session.commit()
    assert session.proposal is not None
    assert (session.labels[LEFT_BLOCK] == 1).all()


def test_all_protected_is_a_sentence(session):
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    session.set_prompt(LEFT)
    with pytest.raises(InvalidPrompt, match="All 150 pixels"):
        session.commit()
    assert session.proposal is not None


def test_the_next_instance_is_one_step(session):
    session.update_class(1, name="nucleus")
    session.set_prompt(LEFT)
    session.commit_and_next()
    assert session.active_class.name == "nucleus 2" and session.active_class.value == 2
    session.undo()
    assert [found.name for found in session.classes] == ["nucleus"] and session.proposal is not None
    session.redo()
    assert session.active_class.value == 2 and session.labels.sum() == 150


# --- reopening and deleting ---


def test_reopening_takes_the_object_out_and_brings_its_prompts(session):
    commit(session, LEFT)
    assert not session.reopen((2, 0, 0))
    assert session.reopen((2, 8, 8))
    assert session.prompt == LEFT and session.proposal.object_id == 1
    assert session.proposal.mask.sum() == 150 and not session.labels.any() and session.objects == {}
    session.set_prompt(LEFT.with_point(Point(25, 40)))
    assert session.proposal.object_id == 1
    assert session.commit().object_id == 1
    assert session.labels.sum() == 350 and list(session.objects) == [1]


def test_discarding_a_reopened_object_puts_it_back(session):
    commit(session, LEFT)
    session.reopen((2, 8, 8))
    session.paint(region_of((37, 57), 0, 0), True)
    session.discard()
    assert session.labels.sum() == 150 and session.objects[1].mask.sum() == 150
    session.undo()
    assert session.proposal.object_id == 1 and session.proposal.mask.sum() == 151
    assert not session.labels.any()


def test_a_reopened_object_goes_where_nobody_took_its_place(session):
    commit(session, LEFT)
    session.reopen((2, 8, 8))
    stroke = (np.array([2]), np.array([8]), np.array([8]))
    session.labels[stroke] = 2
    session.record_paint(stroke, np.array([0], np.uint16))
    session.discard()
    assert session.objects[1].mask.sum() == 149 and session.labels[2, 8, 8] == 2


def test_a_reopened_object_can_be_deleted(session):
    commit(session, LEFT)
    session.reopen((2, 8, 8))
    assert session.delete_at((2, 8, 8))
    assert session.objects == {} and session.proposal is None and not session.labels.any()
    session.undo()
    assert session.proposal.object_id == 1


def test_reopening_with_a_proposal_in_hand_asks(session):
    commit(session, LEFT)
    session.set_prompt(RIGHT)
    with pytest.raises(PendingProposal):
        session.reopen((2, 8, 8))
    assert not session.reopen((2, 8, 8), Pending.KEEP)
    assert session.reopen((2, 8, 8), Pending.COMMIT)
    assert session.labels.sum() == 200 and session.prompt == LEFT


def test_reopening_makes_its_class_active(session):
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    session.reopen((2, 8, 8))
    assert session.active_class.value == 1
    with pytest.raises(PendingProposal):
        session.set_active(2)
    session.set_active(2, Pending.KEEP)
    session.commit()
    assert session.objects[1].value == 2 and (session.labels == 2).sum() == 150


def test_shared_voxels_stay_with_the_other_object(session):
    commit(session, LEFT)
    commit(session, BOTH)
    session.delete_at((2, 8, 8))  # the newer one, which holds all of the older one too
    assert session.labels.sum() == 150 and list(session.objects) == [1]


def test_deleting_a_region_is_one_step(session):
    commit(session, LEFT)
    commit(session, RIGHT)
    commit(session, Prompt(Plane(0, 4), points=(Point(12, 12),)))
    regions = heard(session.labels_changed)
    assert session.delete_in(PLANE, region_of((37, 57), 8, slice(0, 3))) == 0
    assert session.delete_in(PLANE, np.ones((37, 57), bool)) == 2
    assert list(session.objects) == [3] and session.labels.sum() == 100
    assert regions == [(slice(2, 3), slice(5, 30), slice(5, 50))]
    session.undo()
    assert sorted(session.objects) == [1, 2, 3] and session.labels.sum() == 450


def test_deleting_a_region_leaves_locked_ones(session):
    commit(session, LEFT)
    session.add_class("vessel")
    session.set_active(2)
    commit(session, RIGHT)
    session.update_class(1, locked=True)
    sentences = heard(session.notified)
    assert session.delete_in(PLANE, np.ones((37, 57), bool)) == 1
    assert list(session.objects) == [1] and len(sentences) == 1
    assert not session.delete_at((0, 0, 0))


# --- painting in the labels ---


def stroke_over(labels, rows, columns, value):
    """Paint as a viewer does, in place; returns what it tells of the stroke."""
    rows, columns = (axis.ravel() for axis in np.mgrid[rows, columns])
    indices = (np.full(rows.size, 2), rows, columns)
    old = labels[indices].copy()
    labels[indices] = value
    return indices, old


def test_a_stroke_is_one_step(session):
    commit(session, LEFT)
    session.record_paint(*stroke_over(session.labels, slice(5, 10), slice(5, 30), 0))
    assert session.objects[1].mask.sum() == 75
    regions = heard(session.labels_changed)
    session.undo()
    assert session.labels.sum() == 150 and session.objects[1].mask.sum() == 150
    assert regions == [(slice(2, 3), slice(5, 10), slice(5, 20))]
    session.redo()
    assert session.labels.sum() == 75


def test_a_brush_that_passes_twice(session):
    """Viewers tell each pass; the value before the first one is the old one."""
    indices = (np.array([2, 2]), np.array([0, 0]), np.array([3, 3]))
    session.labels[2, 0, 3] = 1
    session.record_paint(indices, np.array([0, 1], np.uint16))
    session.undo()
    assert session.labels[2, 0, 3] == 0


def test_a_stroke_that_changes_nothing_is_no_step(session):
    session.record_paint(*stroke_over(session.labels, slice(0, 3), slice(0, 3), 0))
    assert not session.can_undo


def test_strokes_leave_locked_classes_alone(session):
    commit(session, LEFT)
    session.update_class(1, locked=True)
    regions, sentences = heard(session.labels_changed), heard(session.notified)
    session.record_paint(*stroke_over(session.labels, slice(0, 10), slice(5, 20), 2))
    assert (session.labels[LEFT_BLOCK] == 1).all() and (session.labels == 2).sum() == 75
    assert regions[0] == (slice(2, 3), slice(5, 10), slice(5, 20)) and len(sentences) == 1
    session.record_paint(*stroke_over(session.labels, slice(30, 32), slice(0, 2), 1))
    assert not session.labels[2, 30:32, 0:2].any()  # nor does it grow


def test_an_unknown_value_becomes_a_class(session):
    session.record_paint(*stroke_over(session.labels, slice(0, 2), slice(0, 2), 9))
    assert [found.value for found in session.classes] == [1, 9]
    session.undo()
    assert [found.value for found in session.classes] == [1]


# --- undo ---


def test_undo_of_a_commit_brings_the_proposal_back(session):
    session.set_prompt(LEFT)
    session.cycle(1)
    before = session.proposal
    session.commit()
    assert session.undo_title == "commit of object 1" and session.redo_title == ""
    assert session.undo() == "commit of object 1"
    assert session.undo_title == "choice of candidate" and session.redo_title == "commit of object 1"
    assert session.prompt == LEFT and session.proposal.choice == before.choice
    assert np.array_equal(session.proposal.mask, before.mask) and session.proposal.candidates == 3
    assert not session.labels.any() and session.objects == {}
    assert session.redo() == "commit of object 1"
    assert session.labels.sum() == 254 and session.proposal is None


def test_prompts_are_undone_one_by_one_without_asking_again(session, segmenter):
    session.set_prompt(LEFT)
    session.set_prompt(LEFT.with_point(Point(25, 40)))
    asked = len(segmenter.asked)
    assert session.undo() == "prompt" and session.proposal.mask.sum() == 150
    session.undo()
    assert session.prompt is None and session.proposal is None and not session.can_undo
    session.redo()
    session.redo()
    assert session.proposal.mask.sum() == 350 and not session.can_redo
    assert len(segmenter.asked) == asked


def test_undo_survives_a_change_of_slice(session):
    commit(session, LEFT)
    session.set_plane(Plane(0, 4))
    commit(session, Prompt(Plane(0, 4), points=(Point(12, 12),)))
    session.set_plane(Plane(1, 3))
    regions = heard(session.labels_changed)
    for _ in range(4):
        session.undo()
    assert not session.labels.any() and session.plane == Plane(1, 3)
    assert [region[0] for region in regions] == [slice(4, 5), slice(2, 3)]


def test_the_oldest_steps_are_forgotten(volume, segmenter):
    session = Session(SyncWorker(), undo_bytes=20_000)
    session.set_segmenter(segmenter)
    session.open(volume)
    for _ in range(60):
        session.set_prompt(LEFT)
        session.set_prompt(None)
    count = 0
    while session.undo():
        count += 1
    assert 0 < count < 120


# --- classes ---


def test_classes_are_undone_too(session):
    changes = heard(session.classes_changed)
    session.add_class("vessel", colour="#112233")
    session.update_class(1, name="liver", locked=True)
    session.update_class(1, name="liver")  # no change, no step
    assert len(changes) == 2
    session.undo()
    assert session.classes[0].name == "object 1"
    session.undo()
    assert len(session.classes) == 1
    session.redo()
    assert session.classes[1].colour == "#112233"


def test_a_class_in_use_stays(session):
    commit(session, LEFT)
    session.add_class("vessel")
    with pytest.raises(InvalidClass, match="150 voxels hold the class object 1"):
        session.remove_class(1)
    session.reopen((2, 8, 8))
    with pytest.raises(InvalidClass, match="object that is open"):
        session.remove_class(1)
    session.remove_class(2)
    assert [found.value for found in session.classes] == [1]
    with pytest.raises(UnknownName):
        session.set_active(2)


# --- moving on with a proposal in hand ---


def test_another_slice_asks_what_becomes_of_the_proposal(session):
    session.set_prompt(LEFT)
    elsewhere = Prompt(Plane(0, 4), points=(Point(12, 12),))
    session.set_plane(Plane(0, 4))  # looking is free
    assert session.state is State.PROPOSAL
    with pytest.raises(PendingProposal, match="slice 2"):
        session.set_prompt(elsewhere)
    prompts = heard(session.prompt_changed)
    session.set_prompt(elsewhere, Pending.KEEP)
    assert session.prompt == LEFT and prompts == [LEFT]  # for the layers, which show the other one
    session.set_prompt(elsewhere, Pending.COMMIT)
    assert session.labels.sum() == 150 and session.proposal.plane == Plane(0, 4)
    session.set_prompt(LEFT, Pending.DISCARD)
    assert session.labels.sum() == 150 and session.proposal.plane == PLANE


def test_another_image_asks_too(session, volume):
    other = Volume.from_array(np.zeros((2, 8, 8), np.uint8))
    session.set_prompt(LEFT)
    with pytest.raises(PendingProposal):
        session.open(other)
    assert session.open(other, pending=Pending.KEEP) is None and session.volume is volume
    with pytest.raises(PendingProposal):
        session.close()
    session.close(Pending.KEEP)
    assert session.volume is volume
    session.open(other, pending=Pending.DISCARD)
    assert session.labels.shape == (2, 8, 8) and session.prompt is None and not session.can_undo


def test_a_commit_that_fails_keeps_the_image(session):
    session.set_prompt(Prompt(PLANE, points=(Point(0, 0),)))
    with pytest.raises(InvalidPrompt, match="empty"):
        session.close(Pending.COMMIT)
    assert session.volume is not None


def test_labels_that_do_not_fit_leave_the_image_open(session, volume):
    session.set_prompt(LEFT)
    with pytest.raises(GeometryMismatch):
        session.open(volume, np.zeros((1, 2, 3), np.uint16), Pending.DISCARD)
    assert session.proposal is not None


def test_existing_labels_are_taken_with_their_values(session, volume):
    labels = np.zeros(volume.shape, np.uint16)
    labels[0, :2, :2] = 4
    session.open(volume, labels)
    assert session.labels is labels
    assert [(found.value, found.name) for found in session.classes] == [(4, "object 4")]
    assert not session.unsaved and session.objects == {}


# --- other models, other windows ---


def test_another_model_answers_the_prompt_again_and_undo_brings_the_first_back(session):
    session.set_prompt(LEFT)
    session.set_segmenter(ThresholdSegmenter(threshold=210, id="strict"))
    assert session.proposal.mask.sum() == 0
    assert session.undo() == "change of model" and session.proposal.mask.sum() == 150


def test_another_model_may_leave_the_proposal(session):
    session.set_prompt(LEFT)
    session.set_segmenter(ThresholdSegmenter(threshold=210, id="strict"), Pending.KEEP)
    assert session.proposal.mask.sum() == 150


def test_another_model_that_does_not_understand_says_so(session):
    session.set_prompt(LEFT)
    sentences = heard(session.notified)
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"box"}), id="boxes"))
    assert session.proposal.mask.sum() == 150 and "does not understand" in sentences[0]


def test_a_click_before_the_model_is_there_waits_for_it(volume, segmenter):
    session = Session(SyncWorker())
    session.open(volume)
    session.set_plane(PLANE)
    session.set_prompt(LEFT)
    assert session.proposal is None
    session.set_segmenter(segmenter)
    assert session.proposal.mask.sum() == 150


def test_another_window_encodes_again(session, segmenter, volume):
    volumes = heard(session.volume_changed)
    session.set_window(volume.window)
    assert volumes == [] and len(segmenter.embedded) == 1
    session.set_window(replace(volume.window, low=150.0, high=400.0))
    assert len(segmenter.embedded) == 2 and volumes == [session.volume]
    session.set_prompt(RIGHT)
    assert session.proposal.mask.sum() == 0  # too dark now
    session.set_window(volume.window)
    assert len(segmenter.embedded) == 2  # still in the cache


# --- preview ---


def test_a_preview_leaves_no_trace(session):
    previews = heard(session.preview_changed)
    session.set_preview(LEFT)
    assert session.preview.masks[0].sum() == 150 and session.decode_seconds > 0
    assert session.proposal is None and session.prompt is None and not session.can_undo
    session.set_preview(Prompt(PLANE, points=(Point(-9, 0),)))  # off the image
    assert session.preview is None and len(previews) == 2


def test_a_preview_does_not_make_anybody_wait(session, segmenter):
    session.set_preview(Prompt(Plane(0, 4), points=(Point(12, 12),)))  # not encoded
    assert session.preview is None and segmenter.embedded == [PLANE]


def test_a_prompt_ends_the_preview(session):
    session.set_preview(LEFT)
    session.set_prompt(LEFT)
    assert session.preview is None


# --- speed ---


def test_a_commit_costs_what_the_object_costs(segmenter):
    """On 79 million voxels: nothing of the volume's size is made or read."""
    import tracemalloc

    shape = (300, 512, 512)
    data = np.broadcast_to(np.uint8(0), shape).copy()
    data[150, 100:200, 100:200] = 200
    session = Session(SyncWorker())
    session.set_segmenter(segmenter)
    session.open(Volume.from_array(data))
    session.set_prompt(Prompt(Plane(0, 150), points=(Point(150, 150),)))
    tracemalloc.start()
    session.commit()
    session.undo()
    session.redo()
    session.delete_at((150, 150, 150))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20  # a mask of the volume would take 79 MB
