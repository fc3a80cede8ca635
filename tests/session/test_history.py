from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Edits, Point, Prompt
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.segmenter import Prediction
from napari_medkd.inference.zoom import Crop
from napari_medkd.models.card import Preprocessing
from napari_medkd.session.history import Draft, History, Step
from napari_medkd.session.prompting import answered
from napari_medkd.session.state import Proposal

FRAME = Frame((9, 11), Preprocessing(), Crop(1, 2, 9, 10))
PROMPT = Prompt(Plane(0, 1), points=(Point(3, 4),))


def prediction(rng):
    masks = tuple(rng.random((9, 11)) < 0.5 for _ in range(3))
    logits = rng.normal(0, 10, (3, 16, 16)).astype(np.float32)
    said = ("a", "b", "c"), "fundus", True
    return Prediction(PROMPT, masks, (0.9, 0.8, 0.7), logits, "threshold", FRAME, *said)


def test_a_draft_brings_the_whole_proposal_back():
    painted = np.zeros((9, 11), bool)
    painted[:2] = True
    prompt = Prompt(PROMPT.plane, PROMPT.points, edits=Edits.none((9, 11)).with_stroke(painted, True))
    shown = answered(prompt, prediction(np.random.default_rng(0)), 1, object_id=4)
    again_prompt, again = Draft.of(prompt, shown, awaits=False).unpack()
    assert again_prompt == prompt and again.object_id == 4
    assert np.array_equal(again.mask, shown.mask) and again.mask[:2].all()
    assert (again.choice, again.candidates, again.score) == (1, 3, 0.8)
    assert again.prediction.model_id == "threshold"
    for mask, other in zip(again.prediction.masks, shown.prediction.masks, strict=True):
        assert np.array_equal(mask, other)
    assert np.allclose(again.prediction.logits, shown.prediction.logits, rtol=1e-3)
    assert again.prediction.frame == FRAME
    assert (again.prediction.names, again.prediction.modality) == (("a", "b", "c"), "fundus")
    assert again.prediction.joined


def test_extreme_logits_stay_finite():
    answer = prediction(np.random.default_rng(0))
    answer.logits[0, 0, 0] = 1e9
    _, again = Draft.of(PROMPT, answered(PROMPT, answer, 0, None), awaits=False).unpack()
    assert np.isfinite(again.prediction.logits).all()


def test_a_draft_of_a_painted_mask_and_of_nothing():
    mask = np.eye(5, dtype=bool)
    _, again = Draft.of(PROMPT, Proposal(PROMPT, mask), awaits=False).unpack()
    assert np.array_equal(again.mask, mask) and again.prediction is None
    unanswered = Draft.of(PROMPT, None, awaits=True)
    assert unanswered.unpack() == (PROMPT, None) and unanswered.awaits


def weighing(nbytes: int) -> Step:
    """A step that takes about `nbytes`."""
    return Step("step", touches_draft=True, draft=Draft(b"x" * nbytes))


def test_the_oldest_steps_go_when_memory_runs_out():
    history = History(10_000)
    steps = [weighing(3000) for _ in range(5)]
    for step in steps:
        history.push(step)
    assert history.done == steps[2:]
    assert history.nbytes == sum(step.nbytes for step in steps[2:]) <= 10_000


def test_the_newest_step_is_kept_whatever_it_takes():
    history = History(100)
    history.push(weighing(10))
    large = weighing(5000)
    history.push(large)
    assert history.done == [large]


def test_a_new_step_ends_redo():
    history = History(10**6)
    history.push(weighing(10))
    history.push(weighing(20))
    history.undo(None)
    assert len(history.undone) == 1
    history.push(weighing(30))
    assert not history.undone
    assert history.nbytes == sum(step.nbytes for step in history.done)


def test_drafts_are_swapped_and_counted():
    history, before, after = History(10**6), Draft(b"before"), Draft(b"after, longer")
    history.push(Step("prompt", touches_draft=True, draft=before))
    assert history.undo(after) is before
    assert history.undone[0].draft is after
    assert history.nbytes == history.undone[0].nbytes
    assert history.redo(before) is after
    assert history.nbytes == history.done[0].nbytes


@pytest.mark.parametrize("move", ["undo", "redo"])
def test_steps_that_leave_the_draft_alone(move):
    history = History(10**6)
    history.push(Step("deletion"))
    if move == "redo":
        history.undo(None)
    assert getattr(history, move)(Draft(b"current")) is None
    assert (history.done + history.undone)[0].draft is None
