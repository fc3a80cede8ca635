from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.session.diff import Diff


def between(before, after):
    voxels = np.nonzero(np.ones_like(before))
    return Diff.of(voxels, before[voxels], after[voxels], before.shape)


def test_a_diff_goes_both_ways():
    rng = np.random.default_rng(1)
    before = rng.integers(0, 4, (5, 9, 11)).astype(np.uint16)
    after = np.where(rng.random(before.shape) < 0.2, 65535 - before, before).astype(np.uint16)
    labels = before.copy()
    diff = between(before, after)
    diff.apply(labels)
    assert np.array_equal(labels, after)
    Diff.from_bytes(diff.to_bytes()).apply(labels, backwards=True)
    assert np.array_equal(labels, before)


def test_region_is_the_box_of_the_change():
    before = np.zeros((5, 9, 11), np.uint16)
    after = before.copy()
    after[1, 2, 3] = after[3, 2, 7] = 1
    diff = between(before, after)
    assert diff.region == (slice(1, 4), slice(2, 3), slice(3, 8))
    assert diff.apply(before) == diff.region


def test_no_change_is_no_diff():
    labels = np.ones((2, 3, 4), np.uint16)
    assert between(labels, labels) is None
    assert Diff.from_nothing(np.zeros((2, 3, 4), np.uint16)) is None


def test_a_solid_block_takes_a_few_bytes():
    before = np.zeros((1, 512, 512), np.uint16)
    after = before.copy()
    after[0, 100:300, 100:300] = 7
    diff = between(before, after)
    assert diff.runs == 200 and diff.nbytes < 300


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_rectangle_of_a_slice_is_the_same_as_its_voxels(axis):
    rng = np.random.default_rng(axis)
    before = rng.integers(0, 3, (6, 7, 8)).astype(np.uint16)
    plane, corner = Plane(axis, 2), (1, 2)
    window = slice(1, 5), slice(2, 6)
    old = before[plane.slicing()][window]
    new = np.where(rng.random(old.shape) < 0.5, rng.integers(0, 3, old.shape), old).astype(np.uint16)
    after = before.copy()
    after[plane.slicing()][window] = new
    diff = Diff.on_slice(plane, corner, old, new, before.shape)
    assert diff == between(before, after)
    labels = before.copy()
    diff.apply(labels)
    assert np.array_equal(labels, after)
    assert Diff.on_slice(plane, corner, old, old, before.shape) is None


def test_several_changes_are_joined():
    labels = np.zeros((4, 5, 6), np.uint16)
    parts, expected = [], labels.copy()
    for plane in (Plane(0, 3), Plane(1, 2)):  # they share a line, and agree there
        old = labels[plane.slicing()]
        parts.append(Diff.on_slice(plane, (0, 0), old, np.full_like(old, 7), labels.shape))
        expected[plane.slicing()] = 7
    joined = Diff.joined(parts)
    joined.apply(labels)
    assert np.array_equal(labels, expected)
    assert joined.region == (slice(0, 4), slice(0, 5), slice(0, 6))
    joined.apply(labels, backwards=True)
    assert not labels.any()
    assert Diff.joined([]) is None and Diff.joined(parts[:1]) is parts[0]


def test_what_labels_hold_from_the_start():
    labels = np.random.default_rng(2).integers(0, 3, (3, 4, 5)).astype(np.uint16)
    labels[0, 0, 0] = 9
    diff = Diff.from_nothing(labels)
    again = np.zeros_like(labels)
    diff.apply(again)
    assert np.array_equal(again, labels)
    assert diff.new_values == [1, 2, 9]


def test_other_bytes_are_refused():
    with pytest.raises(ValueError, match="diff"):
        Diff.from_bytes(b"short")
    whole = between(np.zeros((1, 2, 3), np.uint16), np.ones((1, 2, 3), np.uint16))
    with pytest.raises(ValueError, match="length"):
        Diff(whole.bounds, whole.runs + 1, whole.data).apply(np.zeros((1, 2, 3), np.uint16))
