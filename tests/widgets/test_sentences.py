from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_medkd.core.volume import Volume
from napari_medkd.session.state import CommitResult, Proposal, State
from napari_medkd.widgets.sentences import candidate_text, commit_text, file_size, image_facts, sentence_for
from tests.doubles import ThresholdSegmenter
from tests.widgets.conftest import INSIDE, ct


def test_the_facts_of_a_stack_have_width_height_slices_and_millimetres():
    assert image_facts(ct()) == "CT · 60 × 40 × 3 voxels\n0.7 × 0.7 × 3 mm"


def test_a_photograph_has_no_millimetres():
    assert image_facts(Volume.from_array(np.zeros((30, 50, 3), np.uint8))) == "Colour · 50 × 30 pixels"


def test_every_state_has_a_sentence(session):
    assert sentence_for(session) == "Mark an object: click it or drag a box around it."
    session.set_prompt(INSIDE)
    assert session.state is State.PROPOSAL
    assert "“object 1”" in sentence_for(session)
    session.commit()
    assert sentence_for(session).startswith("Written into “object 1”.")
    session.set_segmenter(None)
    assert sentence_for(session) == "No model is loaded."
    session.set_loading("Loading LiteMedSAM…")
    assert sentence_for(session) == "Loading LiteMedSAM…"
    session.close()
    assert "Drop an image" in sentence_for(session)


def test_only_prompts_that_the_model_understands_are_proposed(session):
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"box"})))
    assert sentence_for(session) == "Mark an object: drag a box around it."
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"auto"})))
    assert sentence_for(session) == "A shows what the model finds by itself; correct it by hand."
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"auto", "point"})))
    assert sentence_for(session) == "A shows what the model finds by itself, or mark an object: click it."
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset()))
    assert sentence_for(session) == "This model takes no prompts: paint by hand."


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"choice": 0, "candidates": 3, "score": 0.934}, "Candidate 1 of 3 · score 0.93"),
        ({"score": 0.5}, "Score 0.50"),
        ({}, "Painted by hand"),
        ({"choice": 1, "candidates": 3, "score": 0.9}, "Candidate 2 of 3 · nothing found"),
        ({"score": 0.9}, "Nothing found here"),
    ],
)
def test_a_proposal_is_described(fields, text):
    proposal = Proposal(INSIDE, np.full((3, 3), "othing" not in text), **fields)
    assert candidate_text(SimpleNamespace(prompt=INSIDE, proposal=proposal)) == text


def test_a_prompt_waits_for_the_model(session):
    assert candidate_text(session) == "No proposal yet"
    session.set_segmenter(None)
    session.set_prompt(INSIDE)
    assert candidate_text(session) == "Waiting for the model"


def test_a_commit_says_what_it_left_alone():
    assert commit_text(CommitResult(1, 1204, 312)) == "1,204 px written, 312 protected pixels left alone."
    assert commit_text(CommitResult(1, 1204, 0)) == "1,204 px written."


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (39_100_000, "39.1 MB"), (2_400_000_000, "2.4 GB"), (900, "0.1 MB")]
)
def test_file_sizes(count, text):
    assert file_size(count) == text


def test_a_suggestion_is_called_by_what_it_shows(session):
    session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"auto"})))
    session.suggest()
    assert candidate_text(session) == "Bright · score 0.80"
    session.set_segmenter(ThresholdSegmenter(threshold=256, capabilities=frozenset({"auto"})))
    session.suggest()
    assert candidate_text(session) == "Bright · nothing found"
