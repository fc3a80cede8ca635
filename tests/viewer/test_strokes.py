"""Strokes in a Labels layer, as napari tells of them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_medkd.viewer.strokes import stroke_changes


@pytest.fixture
def layer() -> Labels:
    data = np.zeros((4, 20, 30), np.uint16)
    data[2, 5:10, 5:10] = 7
    return Labels(data)


def changed_by(layer, action):
    told = []
    layer.events.paint.connect(lambda event: told.append(event.value))
    before = layer.data.copy()
    action()
    (item,) = told
    indices, old = stroke_changes(item, layer.data.shape)
    restored = layer.data.copy()
    restored[indices] = old
    assert (restored == before).all()
    return len(old)


def test_a_brush_stroke(layer):
    layer.brush_size = 4
    assert changed_by(layer, lambda: layer.paint((2, 7, 9), 3)) > 4


def test_a_fill(layer):
    assert changed_by(layer, lambda: layer.fill((2, 7, 7), 3)) == 25


def test_values_set_by_index(layer):
    indices = (np.array([2, 2]), np.array([5, 6]), np.array([5, 25]))
    assert changed_by(layer, lambda: layer.data_setitem(indices, 3)) == 2


@pytest.mark.parametrize(
    ("indices", "old"),
    [
        ((2, 5, 5), 7),
        ((slice(2, 3), slice(3, 8), slice(4, 6)), np.arange(10).reshape(1, 5, 2)),
        ((2, slice(3, 8), np.array([4, 6])), np.arange(10).reshape(2, 5)),
        ((np.array([2, 2]), np.array([5, 6]), np.array([5, 25])), 4),
    ],
    ids=["numbers", "slices", "mixed", "one old value"],
)
def test_atoms_of_other_plugins(layer, indices, old):
    found, values = stroke_changes([(indices, old, 3)], layer.data.shape)
    expected = np.zeros(layer.data.shape)
    expected[indices] = old
    there = np.zeros(layer.data.shape)
    there[found] = values
    assert (there == expected).all()


def test_a_voxel_crossed_twice_keeps_its_first_value(layer):
    def stroke():
        with layer.block_history():
            for value in (3, 4):
                layer.data_setitem((np.array([2]), np.array([5]), np.array([5])), value)

    assert changed_by(layer, stroke) == 1


def test_nothing(layer):
    indices, old = stroke_changes([], (4, 20, 30))
    assert len(indices) == 3 and old.size == 0
