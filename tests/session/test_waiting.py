"""What happens while the model thinks: queued clicks, late answers, slices encoded ahead, failures."""

from __future__ import annotations

import queue
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt
from napari_medkd.session.session import Session
from napari_medkd.session.state import State
from napari_medkd.session.worker import Kind, ThreadWorker
from tests.doubles import ThresholdSegmenter, failure
from tests.session.conftest import LEFT, PLANE, RIGHT, heard


def test_a_click_while_encoding_is_queued(waiting, worker, segmenter):
    encoding = worker.start()
    assert encoding.kind is Kind.ENCODE and waiting.state is State.ENCODING
    waiting.set_prompt(LEFT)
    assert waiting.proposal is None and waiting.state is State.ENCODING
    worker.finish(encoding)
    assert worker.run() is Kind.ANSWER  # before any slice is encoded ahead
    assert waiting.proposal.mask.sum() == 150 and waiting.state is State.PROPOSAL
    assert segmenter.embedded == [PLANE]


def test_a_click_before_encoding_began_encodes_once(waiting, worker, segmenter):
    waiting.set_prompt(LEFT)
    assert worker.run() is Kind.ANSWER
    assert worker.run() is Kind.ENCODE
    assert segmenter.embedded == [PLANE] and waiting.proposal is not None


def test_a_late_answer_is_dropped(waiting, worker):
    worker.run()
    waiting.set_prompt(LEFT)
    first = worker.start()
    waiting.set_prompt(RIGHT)
    second = worker.start()
    worker.finish(second)
    worker.finish(first)
    assert waiting.proposal.mask.sum() == 200 and waiting.proposal.prompt == RIGHT


def test_an_answer_to_what_was_discarded_is_dropped(waiting, worker):
    worker.run()
    waiting.set_prompt(LEFT)
    asked = worker.start()
    waiting.discard()
    worker.finish(asked)
    assert waiting.proposal is None and waiting.prompt is None


def test_undo_of_a_prompt_in_flight_and_redo_asks_again(waiting, worker):
    worker.run()
    waiting.set_prompt(LEFT)
    worker.run()
    waiting.set_prompt(LEFT.with_point(Point(25, 40)))
    asked = worker.start()
    waiting.undo()
    worker.finish(asked)
    assert waiting.prompt == LEFT and waiting.proposal.mask.sum() == 150
    waiting.redo()
    assert waiting.proposal.mask.sum() == 150  # until the answer comes
    assert worker.run() is Kind.ANSWER
    assert waiting.proposal.mask.sum() == 350


def test_painting_while_an_answer_is_on_its_way_loses_neither(waiting, worker):
    worker.run()
    waiting.set_prompt(LEFT)
    corner = np.zeros((37, 57), bool)
    corner[0, 0] = True
    waiting.paint(corner, painted=True)
    worker.run()
    assert waiting.proposal.mask.sum() == 151


def test_committing_writes_what_is_seen(waiting, worker):
    worker.run()
    waiting.set_prompt(LEFT)
    with pytest.raises(InvalidPrompt, match="no proposal"):
        waiting.commit()
    worker.run()
    waiting.set_prompt(LEFT.with_point(Point(25, 40)))
    asked = worker.start()
    waiting.commit()
    worker.finish(asked)
    assert waiting.labels.sum() == 150 and waiting.proposal is None
    assert waiting.objects[1].prompt == LEFT  # the prompt that the mask answers


def test_another_window_asks_again_what_had_no_answer(waiting, worker):
    worker.run()
    waiting.set_prompt(LEFT)
    waiting.set_window(replace(waiting.volume.window, low=1.0))
    worker.run_all()
    assert waiting.proposal.mask.sum() == 150


# --- answered before it is asked ---


def test_what_was_foreseen_is_answered_without_the_model(waiting, worker, segmenter):
    worker.run()
    waiting.foresee(LEFT)
    assert worker.run() is Kind.FORESEE and waiting.proposal is None and waiting.prompt is None
    waiting.set_prompt(LEFT)
    assert worker.run() is Kind.ANSWER and waiting.proposal.mask.sum() == 150
    both = LEFT.with_point(Point(25, 40))
    waiting.foresee(both)
    worker.run()
    waiting.set_prompt(both)
    worker.run()
    assert waiting.proposal.mask.sum() == 350 and segmenter.asked == [LEFT, both]


def test_what_was_foreseen_answers_nothing_else(waiting, worker, segmenter):
    waiting.foresee(LEFT)  # nothing is encoded yet
    worker.run_all()
    waiting.foresee(LEFT)
    worker.run()
    waiting.set_prompt(RIGHT)
    worker.run()
    assert waiting.proposal.mask.sum() == 200
    waiting.set_prompt(LEFT)
    worker.run()
    assert waiting.proposal.mask.sum() == 150 and segmenter.asked == [LEFT, RIGHT, LEFT]


def test_a_prompt_outside_the_image_is_not_foreseen(waiting, worker):
    worker.run_all()
    waiting.foresee(Prompt(PLANE, points=(Point(-5, 3),)))
    assert not worker.run_all() and waiting.error is None


# --- encoding ahead ---


def test_neighbours_are_encoded_when_nobody_waits(waiting, worker, segmenter):
    assert worker.run_all() == [Kind.ENCODE] + 6 * [Kind.AHEAD]
    assert [plane.index for plane in segmenter.embedded] == [2, 3, 1, 4, 0, 5, 6]
    waiting.set_plane(Plane(0, 3))
    assert waiting.state is State.READY  # there already
    worker.run_all()
    assert len(segmenter.embedded) == 7


def test_an_answer_waits_for_one_encoding_at_most(waiting, worker):
    worker.run()
    ahead = worker.start()
    waiting.set_prompt(LEFT)
    worker.finish(ahead)
    assert worker.run() is Kind.ANSWER


def test_encoding_ahead_turns_with_the_plane(waiting, worker, segmenter):
    worker.run()
    worker.run()
    ahead = worker.start()
    waiting.set_plane(Plane(1, 10))
    worker.finish(ahead)
    worker.run_all()
    assert [(plane.axis, plane.index) for plane in segmenter.embedded[:6]] == [
        (0, 2),
        (0, 3),
        (0, 1),
        (1, 10),
        (1, 11),
        (1, 9),
    ]


def test_encoding_ahead_keeps_to_the_budget(volume, segmenter, worker):
    nbytes = volume.shape[1] * volume.shape[2]
    session = Session(worker, cache_bytes=4 * nbytes)
    session.set_segmenter(segmenter)
    session.open(volume)
    session.set_plane(PLANE)
    worker.run_all()
    assert len(segmenter.embedded) == 4
    session.set_prompt(LEFT)
    worker.run_all()
    assert len(segmenter.embedded) == 4  # the visible slice was not pushed out


def test_a_failure_ahead_is_nobodys_business(waiting, worker, segmenter):
    failures = heard(waiting.failed)
    worker.run()
    segmenter.failure = MemoryError()
    assert worker.run_all() == [Kind.AHEAD]
    assert failures == [] and waiting.state is State.READY


def test_only_the_newest_slice_is_encoded(waiting, worker, segmenter):
    for index in range(7):
        waiting.set_plane(Plane(0, index))
    assert worker.run() is Kind.ENCODE
    assert segmenter.embedded == [Plane(0, 6)]


# --- previews ---


def test_the_newest_preview_wins(waiting, worker):
    worker.run()
    previews = heard(waiting.preview_changed)
    waiting.set_preview(LEFT)
    first = worker.start()
    waiting.set_preview(RIGHT)
    worker.finish(first)
    assert previews == []
    worker.run()
    assert [preview.masks[0].sum() for preview in previews] == [200]
    waiting.set_preview(LEFT)
    late = worker.start()
    waiting.set_preview(None)
    worker.finish(late)
    assert previews[-1] is None and waiting.preview is None


def test_answers_go_before_previews(waiting, worker):
    worker.run()
    waiting.set_preview(RIGHT)
    waiting.set_prompt(LEFT)
    waiting.set_preview(RIGHT)
    assert [worker.run(), worker.run()] == [Kind.ANSWER, Kind.PREVIEW]


def test_a_preview_that_fails_is_silent(waiting, worker, segmenter):
    worker.run()
    failures = heard(waiting.failed)
    segmenter.failure = failure()
    waiting.set_preview(LEFT)
    worker.run()
    assert failures == [] and waiting.error is None and waiting.preview is None


# --- failures ---


def test_a_failure_is_a_sentence_until_the_next_success(waiting, worker, segmenter):
    failures = heard(waiting.failed)
    segmenter.failure = failure("The graphics card is gone.")
    worker.run()
    assert waiting.state is State.ERROR and "graphics card" in str(waiting.error)
    assert failures == [waiting.error]
    segmenter.failure = None
    waiting.set_prompt(LEFT)
    worker.run_all()
    assert waiting.error is None and waiting.state is State.PROPOSAL


def test_the_same_prompt_can_be_tried_again(waiting, worker, segmenter):
    worker.run()
    segmenter.failure = failure()
    waiting.set_prompt(LEFT)
    worker.run()
    assert waiting.state is State.ERROR and waiting.prompt == LEFT
    segmenter.failure = None
    waiting.set_prompt(LEFT)
    worker.run()
    assert waiting.proposal.mask.sum() == 150


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(MemoryError(), "not enough memory"), (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero")],
)
def test_an_unforeseen_failure_becomes_a_sentence_too(waiting, worker, segmenter, error, sentence):
    worker.run()
    segmenter.failure = error
    waiting.set_prompt(LEFT)
    worker.run()
    assert sentence in waiting.error.message and waiting.error.__cause__ is error


def test_a_failure_leaves_the_proposal(waiting, worker, segmenter):
    worker.run()
    waiting.set_prompt(LEFT)
    worker.run()
    segmenter.failure = failure()
    waiting.set_prompt(LEFT.with_point(Point(25, 40)))
    worker.run()
    assert waiting.proposal.mask.sum() == 150 and waiting.state is State.ERROR
    waiting.undo()
    assert waiting.prompt == LEFT


def test_a_model_that_could_not_be_loaded(volume, worker):
    session = Session(worker)
    session.open(volume)
    session.set_loading("on its way")
    session.fail(failure("The file is damaged."))
    assert session.state is State.ERROR and session.loading == ""
    session.set_loading("on its way again")
    assert session.state is State.LOADING


def test_answers_to_an_image_that_was_closed_are_dropped(waiting, worker):
    worker.run()
    waiting.set_prompt(LEFT)
    asked = worker.start()
    waiting.discard()
    waiting.open(Volume.from_array(np.zeros((2, 9, 9), np.uint8)))
    worker.finish(asked)
    assert waiting.proposal is None and waiting.error is None


# --- the real thread ---


def test_with_a_real_thread_everything_arrives_on_the_owners(volume):
    inbox: queue.Queue = queue.Queue()
    worker = ThreadWorker(inbox.put)
    session = Session(worker)
    session.set_segmenter(ThresholdSegmenter())
    session.open(volume)
    session.set_plane(PLANE)
    for column in range(5, 20):
        session.set_prompt(Prompt(PLANE, points=(Point(8, column),)))
    deadline = time.monotonic() + 10
    while session.proposal is None and time.monotonic() < deadline:
        inbox.get(timeout=10)()
    worker.close()
    assert session.proposal.prompt.points[0].column == 19
