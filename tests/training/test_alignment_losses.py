"""The losses of TS-KD, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from src_training.losses.alignment import hidden_loss, prediction_loss
from src_training.losses.reconstruction import patches, reconstruction_loss
from src_training.losses.segmentation import class_dice_loss, segmentation_loss

EVERYWHERE = torch.ones(1, 1, 1, 2)


def test_an_undecided_answer_of_two_classes():
    scores, shares = torch.zeros(1, 3, 1, 2), torch.zeros(1, 2, 1, 2)
    shares[0, 0, 0, 0] = 1  # the left pixel is the first class, the right one background
    dice = ((1 - (2 / 3 + 1) / (2 / 3 + 1 + 1)) + (1 - 1 / (2 / 3 + 1))) / 2
    expected = 0.2 * math.log(3) + 0.8 * dice
    assert segmentation_loss(scores, shares, EVERYWHERE).item() == pytest.approx(expected)
    assert segmentation_loss(scores, shares, EVERYWHERE, dice=0).item() == pytest.approx(math.log(3))


def test_a_right_answer_costs_nothing_and_the_padding_never_counts():
    scores = torch.zeros(1, 2, 1, 2)
    scores[0, 1, 0, 0], scores[0, 1, 0, 1] = 50, 50  # the right pixel is wrong, and not of the picture
    shares = torch.tensor([[[[1.0, 0.0]]]])
    inside = torch.tensor([[[[1.0, 0.0]]]])
    assert segmentation_loss(scores, shares, inside).item() == pytest.approx(0, abs=1e-6)
    assert segmentation_loss(scores, shares, EVERYWHERE).item() > 1


def test_the_gradient_of_an_undecided_pixel_is_the_error_of_its_probability():
    scores = torch.zeros(1, 2, 1, 2, requires_grad=True)
    shares = torch.tensor([[[[1.0, 0.0]]]])
    segmentation_loss(scores, shares, EVERYWHERE, dice=0).backward()
    assert scores.grad is not None
    wanted = torch.tensor([[[[0.25, -0.25]], [[-0.25, 0.25]]]])  # (p - t) / pixels
    assert torch.allclose(scores.grad, wanted)


def test_dice_of_each_class():
    shares = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]])
    loss = class_dice_loss(torch.full((1, 2, 1, 2), 0.5), shares)
    assert torch.allclose(loss, torch.tensor([[1 - 2 / 3, 1 - 1 / 2]]))


def test_hidden_tokens_are_compared_without_their_scale():
    ours = torch.tensor([[[[1.0, -1.0], [3.0, 1.0]]]])  # two cells of two channels
    theirs = torch.tensor([[[[10.0, -10.0], [-5.0, 5.0]]]])  # the same, and the opposite: (1 - (-1))² = 4
    assert hidden_loss([ours], [theirs], EVERYWHERE).item() == pytest.approx(2, rel=1e-3)
    assert hidden_loss([ours, theirs], [theirs, theirs], EVERYWHERE).item() == pytest.approx(1, rel=1e-3)
    seen = torch.tensor([[[[1.0, 0.0]]]])
    assert hidden_loss([ours], [theirs], seen).item() == pytest.approx(0, abs=1e-4)


def test_a_student_that_says_the_same_has_nothing_to_learn_but_dices_own_floor():
    teacher = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    inside = torch.ones(2, 1, 4, 4)
    assert prediction_loss(teacher, teacher, inside, dice=0).item() == pytest.approx(0, abs=1e-6)


def test_the_divergence_of_one_class_is_the_binary_one():
    student, teacher = torch.zeros(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)
    teacher[:, 1] = 2 * math.log(3)  # at T = 2 a probability of 3/4
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert prediction_loss(student, teacher, EVERYWHERE, dice=0).item() == pytest.approx(4 * divergence)
    certain = 9 / 10  # at T = 1
    soft = 1 - (2 * 2 * certain * 0.5 + 1) / (2 * (certain + 0.5) + 1)
    both = prediction_loss(student, teacher, EVERYWHERE, dice=0.5).item()
    assert both == pytest.approx(4 * divergence + 0.5 * soft)


def test_the_student_is_drawn_towards_the_teacher_and_the_teacher_nowhere():
    student = torch.zeros(1, 2, 1, 2, requires_grad=True)
    teacher = torch.zeros(1, 2, 1, 2)
    teacher[:, 1] = 1
    prediction_loss(student, teacher, EVERYWHERE).backward()
    assert student.grad is not None
    assert (student.grad[:, 1] < 0).all() and (student.grad[:, 0] > 0).all()


def test_patches_go_row_by_row():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert patches(image, 2)[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


def test_only_hidden_patches_are_judged_each_at_its_own_contrast():
    wanted = torch.tensor([[[1.0, 3.0], [100.0, 300.0]]])
    guessed = torch.zeros(1, 2, 2)
    # Brought to mean 0 and variance 1 both patches are (−1, 1)/√2 times √2·½·√2: ±0.7071.
    assert reconstruction_loss(guessed, wanted, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0.5)
    assert reconstruction_loss(guessed, wanted, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(0.5)
    right = torch.tensor([[[0.0, 0.0], [-(0.5**0.5), 0.5**0.5]]])
    assert reconstruction_loss(right, wanted, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(0, abs=1e-6)
