"""What the model finds by itself, as a proposal like any other."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Prompt
from napari_medkd.errors import InvalidPrompt
from napari_medkd.session.state import Pending, PendingProposal, State
from napari_medkd.session.worker import Kind
from tests.doubles import PROMPTS, ThresholdSegmenter, failure
from tests.session.conftest import LEFT, PLANE

AUTO = frozenset({"auto"})


@pytest.fixture
def segmenter() -> ThresholdSegmenter:
    return ThresholdSegmenter(capabilities=AUTO)


def test_a_suggestion_is_a_proposal_that_is_committed_undone_and_reopened(session):
    session.suggest()
    assert session.state is State.PROPOSAL and session.proposal.mask.sum() == 350
    assert session.prompt == Prompt(PLANE) and session.proposal.score == 0.8
    assert session.proposal.prediction.names == ("bright",) and session.undo_title == "suggestion"
    session.commit()
    assert (session.labels[2] > 0).sum() == 350
    session.undo()
    assert session.proposal.mask.sum() == 350 and session.proposal.prediction.names == ("bright",)
    session.undo()
    assert session.proposal is None and session.prompt is None
    session.redo()
    session.redo()
    assert session.reopen((2, 8, 8)) and session.proposal.mask.sum() == 350


def test_a_suggestion_is_painted_in_and_erased(session):
    session.suggest()
    where = np.zeros((37, 57), bool)
    where[0, 0] = True
    session.paint(where, True)
    where = np.zeros((37, 57), bool)
    where[5:15] = True
    session.paint(where, False)
    assert session.proposal.mask.sum() == 201 and session.proposal.mask[0, 0]
    session.undo()
    assert session.proposal.mask.sum() == 351


def test_a_suggestion_takes_the_place_of_what_was_proposed_on_the_slice(session):
    session.set_segmenter(ThresholdSegmenter(capabilities=PROMPTS | AUTO))
    session.set_prompt(LEFT)
    session.suggest()
    assert session.proposal.mask.sum() == 350 and session.prompt.is_empty
    session.undo()
    assert session.proposal.mask.sum() == 150 and session.prompt == LEFT


def test_a_click_goes_on_from_a_suggestion(session):
    model = ThresholdSegmenter(capabilities=PROMPTS | AUTO)
    session.set_segmenter(model)
    session.suggest()
    session.set_prompt(LEFT)
    assert session.proposal.mask.sum() == 150 and model.previous[-1] is not None


def test_what_would_be_lost_is_asked_about(session):
    session.suggest()
    session.set_plane(Plane(0, 4))
    with pytest.raises(PendingProposal):
        session.suggest()
    assert session.proposal.plane == PLANE
    session.suggest(Pending.KEEP)
    assert session.proposal.plane == PLANE
    session.suggest(Pending.COMMIT)
    assert session.proposal.plane == Plane(0, 4) and session.proposal.mask.sum() == 100
    assert (session.labels[2] > 0).sum() == 350
    session.discard()
    session.set_plane(PLANE)
    session.reopen((2, 8, 8))
    with pytest.raises(PendingProposal):
        session.suggest()


def test_only_a_model_that_works_by_itself_suggests(session):
    session.set_segmenter(ThresholdSegmenter(capabilities=PROMPTS))
    with pytest.raises(InvalidPrompt, match="without a prompt"):
        session.suggest()
    session.set_segmenter(None)
    with pytest.raises(InvalidPrompt, match="No model"):
        session.suggest()
    assert session.prompt is None and not session.can_undo


def test_a_suggestion_stays_when_the_model_changes(session):
    session.suggest()
    session.set_segmenter(ThresholdSegmenter(threshold=210, capabilities=AUTO, id="other"))
    assert session.proposal.mask.sum() == 350
    session.suggest()
    assert session.proposal.mask.sum() == 200


def test_a_suggestion_is_given_when_the_slice_is_encoded(waiting, worker, segmenter):
    encoding = worker.start()
    waiting.suggest()
    assert waiting.state is State.ENCODING and waiting.proposal is None
    worker.finish(encoding)
    assert worker.run() is Kind.ANSWER
    assert waiting.proposal.mask.sum() == 350 and segmenter.embedded == [PLANE]


def test_a_suggestion_on_its_way_is_dropped_and_asked_again(waiting, worker):
    worker.run()
    waiting.suggest()
    asked = worker.start()
    waiting.undo()
    worker.finish(asked)
    assert waiting.proposal is None and waiting.prompt is None
    waiting.redo()
    assert worker.run() is Kind.ANSWER
    assert waiting.proposal.mask.sum() == 350


def test_a_failure_is_said_and_can_be_tried_again(session, segmenter):
    segmenter.failure = failure()
    session.suggest()
    assert session.state is State.ERROR and session.proposal is None
    segmenter.failure = None
    session.suggest()
    assert session.state is State.PROPOSAL
