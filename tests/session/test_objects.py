from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Prompt
from napari_medkd.session.objects import covers, losses, object_at, objects_in, on_plane, own_pixels
from napari_medkd.session.state import CommittedObject

SHAPE = (5, 6, 7)


def block(id, plane, rows, columns, value=1):
    mask = np.zeros(plane.shape(SHAPE), bool)
    mask[rows, columns] = True
    return CommittedObject.of(id, value, Prompt(plane), mask, 0.5, "threshold")


def table(*objects):
    return {found.id: found for found in objects}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_voxels_are_those_of_the_slice_in_memory_order(axis):
    plane = Plane(axis, 2)
    mask = np.random.default_rng(0).random(plane.shape(SHAPE)) < 0.4
    volume = np.zeros(SHAPE, bool)
    volume[plane.slicing()] = mask
    voxels = on_plane(plane, *np.nonzero(mask))
    for axis_of, expected in zip(voxels, np.nonzero(volume), strict=True):
        assert np.array_equal(axis_of, expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_covers_agrees_with_the_mask(axis):
    plane = Plane(axis, 1)
    mask = np.random.default_rng(1).random(plane.shape(SHAPE)) < 0.4
    found = CommittedObject.of(1, 1, Prompt(plane), mask, None, "")
    volume = np.zeros(SHAPE, bool)
    volume[plane.slicing()] = mask
    everywhere = np.nonzero(np.ones(SHAPE))
    assert np.array_equal(covers(found, everywhere).reshape(SHAPE), volume)


def test_the_newest_object_at_a_voxel():
    axial = block(1, Plane(0, 2), slice(0, 4), slice(0, 4))
    sagittal = block(2, Plane(2, 3), slice(0, 5), slice(3, 6))
    objects = table(sagittal, axial)
    assert object_at(objects, (2, 3, 3)) is sagittal
    assert object_at(objects, (2, 0, 0)) is axial
    assert object_at(objects, (1, 0, 0)) is None
    assert object_at({}, (0, 0, 0)) is None


def test_objects_touched_by_a_region():
    objects = table(
        block(1, Plane(0, 2), slice(0, 2), slice(0, 2)),
        block(2, Plane(0, 2), slice(4, 6), slice(4, 7)),
        block(3, Plane(1, 0), slice(1, 4), slice(0, 7)),
        block(4, Plane(0, 3), slice(0, 2), slice(0, 2)),
    )
    region = np.zeros((6, 7), bool)
    region[0, :3] = True
    assert [found.id for found in objects_in(objects, Plane(0, 2), region)] == [1, 3]
    assert objects_in(objects, Plane(0, 2), np.zeros((6, 7), bool)) == []


def test_shared_pixels_are_not_an_objects_own():
    first = block(1, Plane(0, 2), slice(0, 2), slice(0, 3))
    second = block(2, Plane(0, 2), slice(1, 3), slice(0, 3))
    other_class = block(3, Plane(0, 2), slice(0, 1), slice(0, 3), value=2)
    objects = table(first, second, other_class)
    ((_, _, own),) = own_pixels(first, objects)
    assert own.tolist() == [[True] * 3, [False] * 3]
    ((_, _, own),) = own_pixels(first, objects, leaving=[2])
    assert own.all()


@pytest.mark.parametrize(("axis", "other_axis"), [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)])
def test_planes_that_cross_share_a_line(axis, other_axis):
    rng = np.random.default_rng(axis * 3 + other_axis)
    one, other = Plane(axis, 2), Plane(other_axis, 3)
    masks = [rng.random(plane.shape(SHAPE)) < 0.8 for plane in (one, other)]
    found, crossing = (
        CommittedObject.of(number, 1, Prompt(plane), mask, None, "")
        for number, plane, mask in zip((1, 2), (one, other), masks, strict=True)
    )
    held = np.zeros((2, *SHAPE), bool)
    held[0][one.slicing()], held[1][other.slicing()] = masks
    expected = (held[0] & ~held[1])[one.slicing()][found.packed_mask.window]
    ((_, _, own),) = own_pixels(found, table(found, crossing))
    assert np.array_equal(own, expected) and own.sum() < masks[0].sum()


def test_objects_shrink_and_vanish():
    first = block(1, Plane(0, 2), slice(0, 2), slice(0, 3))
    second = block(2, Plane(0, 2), slice(1, 2), slice(0, 1))
    elsewhere = block(3, Plane(0, 4), slice(0, 6), slice(0, 7))
    taken = tuple(np.array([axis]) for axis in (2, 1, 0))
    shrunk, gone = losses(table(first, second, elsewhere), taken)
    assert shrunk.before is first and shrunk.after.mask.sum() == 5 and not shrunk.after.mask[1, 0]
    assert gone.before is second and gone.after is None
    assert losses(table(first), tuple(np.array([], np.intp) for _ in range(3))) == []
