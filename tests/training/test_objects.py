from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from src_training.objects import objects, slice_axis, targets


@pytest.fixture
def labels():
    """Value 1 in two parts of 12 and 4 pixels, value 2 of 20 pixels that touches the larger one."""
    slice_ = np.zeros((12, 16), np.uint16)
    slice_[1:4, 1:5] = 1
    slice_[8:10, 1:3] = 1
    slice_[1:6, 5:9] = 2
    return slice_


@pytest.mark.parametrize(
    ("kind", "sizes", "names"),
    [
        ("components", [20, 12, 4], ["1", "2", "3"]),
        ("labels", [20, 16], ["2", "1"]),
        ("instances", [20, 16], ["2", "1"]),
        ("whole", [36], ["1"]),
    ],
)
def test_what_one_object_is(labels, kind, sizes, names):
    found = objects(labels, kind, smallest=1)
    assert [int(mask.sum()) for _, mask in found] == sizes
    assert [name for name, _ in found] == names
    union = np.any([mask for _, mask in found], axis=0)
    np.testing.assert_array_equal(union, labels > 0)


def test_the_largest_first_no_more_than_asked_for_and_none_too_small(labels):
    assert [int(mask.sum()) for _, mask in objects(labels, "components", limit=1, smallest=1)] == [20]
    assert [int(mask.sum()) for _, mask in objects(labels, "components", limit=None, smallest=12)] == [20, 12]
    assert objects(labels, "components") == [] and objects(labels, "whole") == []
    assert objects(np.zeros((4, 4), np.uint16), "whole", smallest=0) == []


def test_pixels_that_meet_at_a_corner_are_one_part():
    assert len(objects(np.eye(8, dtype=np.uint16), "components", smallest=8)) == 1


def test_a_volume_is_gone_through_along_its_thick_axis():
    volume = np.zeros((6, 4, 8), np.uint16)
    volume[1:5, 2, 1:7] = 3
    geometry = Geometry.image(volume.shape, (1.0, 5.0, 1.0))
    (found,) = targets(volume, geometry, "labels", smallest=20)
    assert found.plane == Plane(1, 2) and found.name == "3"
    assert found.mask.shape == (6, 8) and found.mask.sum() == 24
    isotropic = Geometry.image(volume.shape)
    assert slice_axis(isotropic) == 0
    assert [each.plane.index for each in targets(volume, isotropic, "labels", smallest=6)] == [1, 2, 3, 4]
