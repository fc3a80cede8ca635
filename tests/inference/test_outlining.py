from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medkd.core.geometry import Plane
from napari_medkd.core.volume import Volume
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target

PLANE = Plane(0, 0)


class Finder:
    """Finds squares, a cell too narrow on each side, and is not very sure."""

    name = "finder"
    is_closed = False

    def __init__(self, corners):
        self._corners = corners

    def encode(self, image):
        return (np.zeros((1, 1, 4, 4), np.float32),)

    def decode(self, features, coordinates, labels, mask):
        logits = np.full((1, 32, 32), -2, np.float32)
        for row, column in self._corners:
            logits[0, row : row + 6, column : column + 6] = 2
        return logits, np.zeros(1, np.float32)

    def close(self):
        self.is_closed = True


class Outliner(Finder):
    """Answers a box with a cell more on each side, and remembers what it was given."""

    name = "outliner"

    def __init__(self):
        self.boxes = []

    def decode(self, features, coordinates, labels, mask):
        (left, top), (right, bottom) = coordinates[0][np.isin(labels[0], (2, 3))] / 2
        self.boxes.append((top, left, bottom, right))
        logits = np.full((1, 32, 32), -8, np.float32)
        logits[0, max(int(top) - 1, 0) : int(bottom) + 2, int(left) - 1 : int(right) + 2] = 8
        return logits, np.ones(1, np.float32)


def make(runtime, capabilities, targets=(), outliner=None):
    card = ModelCard(
        id=runtime.name,
        title=runtime.name,
        architecture=Architecture(encoder="none", grid=4, logits_per_cell=8, masks="classes"),
        preprocessing=Preprocessing(size=64),
        capabilities=frozenset(capabilities),
        targets=targets,
    )
    return SamSegmenter(card, runtime, outliner=outliner)


@pytest.fixture
def volume():
    return Volume.from_array(np.zeros((1, 64, 64), np.uint8))


def found(volume, *corners, outlined=True):
    outliner = Outliner()
    target = Target(name="lesion", outlined=outlined)
    who = make(Finder(corners), {"auto", "point"}, (target,), make(outliner, {"box"}))
    (answer,) = who.propose(who.embed(volume, PLANE))
    return answer, outliner.boxes, who


def test_each_part_is_outlined_by_its_box(volume):
    answer, boxes, _ = found(volume, (4, 4), (20, 16))
    assert len(boxes) == 2
    truth = np.zeros((64, 64), bool)
    truth[6:22, 6:22] = truth[38:54, 30:46] = True
    shared = (answer.masks[0] & truth).sum() / (answer.masks[0] | truth).sum()
    assert shared > 0.9 and answer.model_id == "finder"


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 8, 64), (1, 1, 64)])
def test_however_thin_a_part_is_a_box_is_put_around_it(shape):
    class Line(Finder):
        def decode(self, *asked):
            logits, scores = super().decode(*asked)
            logits[0, :, 5:] = -2
            return logits, scores

    target = Target(name="lesion", outlined=True)
    outliner = Outliner()
    who = make(Line(((0, 4),)), {"auto", "point"}, (target,), make(outliner, {"box"}))
    (answer,) = who.propose(who.embed(Volume.from_array(np.zeros(shape, np.uint8)), PLANE))
    assert answer.masks[0].any() and bool(outliner.boxes) is (shape[1] > 1)


def test_it_is_not_surer_than_both_together(volume):
    answer, _, _ = found(volume, (4, 4))
    assert answer.logits.max() == pytest.approx(0.7 * 8 + 0.3 * 2, abs=0.1)


def test_other_targets_and_empty_masks_are_left_as_they_are(volume):
    answer, boxes, _ = found(volume, (4, 4), outlined=False)
    assert not boxes and answer.masks[0].sum() == 144
    answer, boxes, _ = found(volume)
    assert not boxes and not answer.masks[0].any()


def test_of_many_parts_the_largest_are_left(volume):
    corners = [(row, column) for row in (0, 8, 16, 24) for column in (0, 8, 16)]
    answer, boxes, _ = found(volume, *corners)
    assert len(boxes) == 4
    _, count = ndimage.label(answer.masks[0])
    assert count <= 4


def test_a_click_is_answered_without_it(volume):
    from napari_medkd.core.prompts import Point, Prompt

    _, boxes, who = found(volume, (4, 4))
    asked = len(boxes)
    who.predict(who.embed(volume, PLANE), Prompt(PLANE, points=(Point(10, 10),)))
    assert len(boxes) == asked


def test_both_are_closed(volume):
    _, _, who = found(volume, (4, 4))
    who.close()
    assert who.runtime.is_closed and who._outliner.runtime.is_closed
