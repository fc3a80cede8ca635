from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import GeometryMismatch
from napari_medkd.session.classes import ClassTable
from napari_medkd.session.labels import fitting, plan_write, set_where
from napari_medkd.session.state import OverlapConflict, OverlapRule

PLANE = Plane(0, 1)


@pytest.fixture
def labels():
    """Slice 1 has class 1 in column 0, class 2 in column 1, class 3 in column 2; the rest is free."""
    labels = np.zeros((3, 4, 5), np.uint16)
    labels[1, :, :3] = [1, 2, 3]
    return labels


@pytest.fixture
def classes():
    """Class 1 is active, class 3 locked."""
    table = ClassTable.fresh([1, 2, 3]).changing(2, name="vessel").changing(3, locked=True)
    return table.activating(1)


@pytest.fixture
def mask():
    mask = np.zeros((4, 5), bool)
    mask[1:3, :4] = True
    return mask


@pytest.mark.parametrize(
    ("rule", "row", "protected"),
    [(OverlapRule.KEEP, [1, 2, 3, 1, 0], 4), (OverlapRule.OVERWRITE, [1, 1, 3, 1, 0], 2)],
)
def test_the_rule_decides_and_locks_always_hold(labels, classes, mask, rule, row, protected):
    writing = plan_write(labels, PLANE, mask, classes, rule)
    assert writing.protected == protected
    writing.diff.apply(labels)
    assert labels[1, 1].tolist() == labels[1, 2].tolist() == row
    assert labels[1, 0].tolist() == [1, 2, 3, 0, 0]
    assert not labels[0].any() and not labels[2].any()
    assert writing.mask.sum() == mask.sum() - protected
    taken = 2 if rule is OverlapRule.OVERWRITE else 0
    assert writing.overwritten[0].size == taken


def test_asking_names_the_unlocked_classes_beneath(labels, classes, mask):
    with pytest.raises(OverlapConflict, match="2 pixels of vessel") as caught:
        plan_write(labels, PLANE, mask, classes, OverlapRule.ASK)
    assert caught.value.voxels == 2 and caught.value.names == ("vessel",)


def test_asking_is_silent_where_nothing_or_only_locked_ones_lie_beneath(labels, classes, mask):
    mask[:, 1] = False
    assert plan_write(labels, PLANE, mask, classes, OverlapRule.ASK).protected == 2


def test_writing_where_all_holds_the_value_changes_nothing(labels, classes):
    mask = np.zeros((4, 5), bool)
    mask[:, 0] = True
    writing = plan_write(labels, PLANE, mask, classes, OverlapRule.KEEP)
    assert writing.diff is None and writing.mask.sum() == 4


@pytest.mark.parametrize("axis", [1, 2])
def test_planes_along_other_axes(labels, classes, axis):
    plane = Plane(axis, 4 if axis == 2 else 0)
    mask = np.ones(plane.shape(labels.shape), bool)
    before = labels.copy()
    plan_write(labels, plane, mask, classes, OverlapRule.KEEP).diff.apply(labels)
    part = labels[plane.slicing()]
    assert ((part == 1) | (before[plane.slicing()] != 0)).all()
    labels[plane.slicing()] = before[plane.slicing()]
    assert np.array_equal(labels, before)


def test_only_the_values_asked_for_are_replaced(labels):
    diff, chosen = set_where(labels, PLANE, (1, 0), np.ones((2, 4), bool), 9, only=(0, 2))
    diff.apply(labels)
    assert labels[1, 1].tolist() == labels[1, 2].tolist() == [1, 9, 3, 9, 0]
    assert labels[1, 0].tolist() == [1, 2, 3, 0, 0]
    assert chosen.tolist() == [[False, True, False, True]] * 2


def test_labels_that_fit_are_not_copied():
    given = np.zeros((2, 3, 4), np.uint16)
    assert fitting(given, (2, 3, 4)) is given
    assert fitting(None, (2, 3, 4)).shape == (2, 3, 4)


@pytest.mark.parametrize(
    "given",
    [np.ones((2, 3, 4), np.uint8), np.ones((2, 3, 4), bool), np.ones((4, 3, 2), np.uint16).T],
    ids=["bytes", "bool", "transposed"],
)
def test_other_labels_are_converted(given):
    fitted = fitting(given, (2, 3, 4))
    assert fitted.dtype == np.uint16 and fitted.flags.c_contiguous and fitted.flags.writeable
    assert (fitted == 1).all()


def test_read_only_labels_are_copied():
    given = np.zeros((2, 3, 4), np.uint16)
    given.flags.writeable = False
    assert fitting(given, (2, 3, 4)).flags.writeable


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(GeometryMismatch, match="2×3×4 voxels, the image 2×3×5"):
        fitting(np.zeros((2, 3, 4), np.uint16), (2, 3, 5))
    with pytest.raises(GeometryMismatch, match="-1 to 70000"):
        fitting(np.array([[[-1, 70000]]]), (1, 1, 2))
