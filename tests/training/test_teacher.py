"""The teacher: asked once, kept, and any grid; and the stage that learns from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from src_training.draws import Draws
from src_training.tasks.features import FeatureStream, FeatureTask
from src_training.teacher import Teacher
from tests.doubles import ThresholdSegmenter
from tests.training.test_batches import CARD
from tests.training.test_views import picture


class Teaching(ThresholdSegmenter):
    """A threshold with an embedding: one channel counts from 0 to 1 along the columns."""

    def embed(self, volume, plane):
        embedding = super().embed(volume, plane)
        self.grey = embedding.features
        ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (1, 3, 64, 64))
        return replace(embedding, features=(ramp.copy(),))

    def predict(self, embedding, prompt, previous=None, *, quick=False):
        return super().predict(replace(embedding, features=self.grey), prompt, previous)


@pytest.mark.parametrize("grid", [4, 12, 20])
def test_a_lesson_is_asked_once_and_has_the_students_grid(tmp_path, grid):
    segmenter = Teaching(threshold=100)
    teacher = Teacher(segmenter, tmp_path, grid, boxes=40)
    told: list[tuple[int, int]] = []
    (lesson,) = teacher.lessons([picture()], lambda *done: told.append(done))
    assert lesson.embedding.shape == (3, grid, grid) and told == [(1, 1)]
    assert np.all(np.diff(lesson.embedding[0, 0].astype(float)) > 0)
    assert lesson.inside[0, 0] == 1 and lesson.inside[-1, 0] == 0  # a wide picture is padded below
    found = lesson.objects > 0
    assert found.any() and picture().objects[found].min() > 0  # nothing dark is an object
    again = Teacher(segmenter, tmp_path, grid, boxes=40).lesson(picture())
    assert len(segmenter.embedded) == 1 and np.array_equal(again.objects, lesson.objects)


def test_half_a_lesson_is_asked_again(tmp_path):
    segmenter = Teaching()
    teacher = Teacher(segmenter, tmp_path, 4, boxes=0)
    teacher.lesson(picture())
    (kept,) = tmp_path.glob("*/*.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    assert not teacher.lesson(picture()).objects.any()
    assert len(segmenter.embedded) == 2


class Student(nn.Module):
    """Encodes by one learnt number."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))

    def encode(self, image):
        return (self.value.expand(len(image), 3, 4, 4),)


def test_the_student_learns_the_teachers_embedding(tmp_path):
    lesson = Teacher(Teaching(), tmp_path, 4, boxes=0).lesson(picture())
    task = FeatureTask(Student())
    batches = FeatureStream([picture()], [lesson], CARD, Draws(4, seed=0))
    first, same = next(iter(batches(5))), next(iter(batches(5)))
    assert torch.equal(first.images, same.images) and first.images.shape == (4, 3, 64, 64)
    optimiser = torch.optim.SGD(task.parameters(), 0.2)
    for _ in range(40):
        optimiser.zero_grad()
        task(first)["loss"].backward()
        optimiser.step()
    assert task.student.value.item() == pytest.approx(0.5, abs=0.05)
    pieces = first.pieces(3)
    assert sum(piece.weight for piece in pieces) == 4
