"""The simulated user inside a step: what is said lies where it should, in the network's words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medkd.errors import InvalidPrompt
from src_training.clicks import BOTTOM_RIGHT, INSIDE, OUTSIDE, PADDING, TOP_LEFT, Conversation, usable, worn


def targets(count: int = 40, side: int = 32) -> np.ndarray:
    masks = np.zeros((count, side, side), np.bool_)
    masks[:, 8:20, 10:24] = True
    return masks


def test_half_of_the_boxes_are_tight_and_none_is_far_off():
    target = np.zeros((100, 100), bool)
    target[30:70, 20:80] = True
    talk = Conversation(np.stack([target] * 400), np.random.default_rng(0))
    tokens = talk.tokens(100)
    boxed = tokens.labels[:, 0] == 2
    off = tokens.coordinates[boxed][:, :2].flatten(1) - torch.tensor([20.0, 30.0, 79.0, 69.0])
    assert off.abs().max() == 2  # a fiftieth of the side, in whole cells
    tight = (off == 0).all(1).float().mean()
    assert 0.4 < tight < 0.65


def test_first_words_are_boxes_points_and_scribbles():
    tokens = Conversation(targets(), np.random.default_rng(0)).tokens(64)
    kinds = {tuple(row[row != PADDING].int().tolist()) for row in tokens.labels}
    assert kinds == {(TOP_LEFT, BOTTOM_RIGHT), (INSIDE,), (INSIDE,) * 4}
    assert torch.equal(tokens.unclear, (tokens.labels != PADDING).sum(1) == 1)
    points = tokens.coordinates[tokens.labels == INSIDE]  # x, y in a frame twice the grid
    assert (points[:, 0] >= 20).all() and (points[:, 0] < 48).all()
    assert (points[:, 1] >= 16).all() and (points[:, 1] < 40).all()


def test_a_followed_object_is_asked_for_by_what_the_slice_beside_shows():
    beside = np.zeros((1, 32, 32), np.bool_)
    beside[0, 4:10, 6:12] = beside[0, 20:24, 6:12] = True  # two parts: one box, a point each
    talk = Conversation(targets(1), np.random.default_rng(0), beside=beside)
    tokens = talk.tokens(32)
    assert tokens.labels[0].tolist() == [TOP_LEFT, BOTTOM_RIGHT, INSIDE, INSIDE]
    assert tokens.coordinates[0, :2].tolist() == [[6, 4], [11, 23]]
    talk.correct(beside)  # the answer is taken for what was said: it is wrong, and that is said of the truth
    assert talk.tokens(32).labels.shape[1] == 5


def test_a_worn_mask_is_near_and_never_empty():
    masks = targets(60)
    masks[:20] = False
    masks[:20, 3, 3] = True
    changed = worn(masks, np.random.default_rng(0))
    assert changed.any((1, 2)).all()
    assert (changed[20:] != masks[20:]).any((1, 2)).mean() > 0.8
    assert (changed[20:] & masks[20:]).sum() > 0.5 * masks[20:].sum()


def test_a_correction_is_where_the_answer_is_wrong_and_says_so():
    wanted = targets(20)
    talk = Conversation(wanted, np.random.default_rng(1))
    before = talk.tokens(32).labels.ne(PADDING).sum(1)
    answers = wanted.copy()
    answers[:10, 8:20, 10:17] = False  # the left half is missing
    answers[10:, 2:6, 2:6] = True  # and here something is too much
    talk.correct(answers)
    tokens = talk.tokens(32)
    for index in range(20):
        said = tokens.labels[index][tokens.labels[index] != PADDING]
        assert len(said) == before[index] + 1
        x, y = tokens.coordinates[index][: len(said)][-1].round().int().tolist()
        assert said[-1] == (INSIDE if index < 10 else OUTSIDE)
        assert answers[index, y, x] != wanted[index, y, x]


def test_nothing_is_said_of_a_right_answer():
    wanted = targets(4)
    talk = Conversation(wanted, np.random.default_rng(0))
    before = talk.tokens(32)
    talk.correct(wanted)
    assert torch.equal(before.labels, talk.tokens(32).labels)


def test_a_thin_object_keeps_its_fullest_cells():
    shares = np.zeros((2, 8, 8), np.float32)
    shares[0, 2, 3], shares[0, 4, 4] = 0.3, 0.1
    shares[1, 5, 5] = 0.9
    masks = usable(shares)
    assert masks[0].sum() == 1 and masks[0, 2, 3] and masks[1, 5, 5]
    with pytest.raises(InvalidPrompt):
        usable(np.zeros((1, 8, 8), np.float32))
