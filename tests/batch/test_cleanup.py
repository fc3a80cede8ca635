import numpy as np
import pytest

from napari_medkd.batch.cleanup import clean


@pytest.fixture
def labels():
    """Class 1: parts of 200, 20 and 1 voxels; class 2: two touching at a corner."""
    found = np.zeros((8, 20, 20), np.uint8)
    found[1:3, 0:10, 0:10] = 1
    found[5:6, 0:4, 0:5] = 1
    found[7, 19, 19] = 1
    found[4, 12, 12] = found[5, 13, 13] = 2
    return found


@pytest.mark.parametrize(("how", "left"), [("none", 221), ("small", 220), ("largest", 200)])
def test_small_parts_of_a_volume_go(labels, how, left):
    clean(labels, how)
    assert (labels == 1).sum() == left
    assert (labels == 2).sum() == 2


@pytest.mark.parametrize("how", ["small", "largest"])
def test_a_picture_keeps_all_its_parts(labels, how):
    picture = labels[5:6].copy()
    picture[0, 19, 0] = 1
    before = picture.copy()
    clean(picture, how)
    assert np.array_equal(picture, before)


def test_a_class_inside_the_box_of_another_is_left_alone():
    labels = np.zeros((4, 9, 9), np.uint8)
    labels[:3, :8, :8] = 1
    labels[1, 4, 4] = 2
    labels[3, 8, 8] = 0
    clean(labels, "largest")
    assert labels[1, 4, 4] == 2


def test_nothing_is_nothing():
    labels = np.zeros((3, 4, 5), np.uint8)
    clean(labels, "small")
    assert not labels.any()
