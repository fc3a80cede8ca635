from __future__ import annotations

import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.session.lookahead import neighbours


def indices(plane, slices, room=100, reach=16):
    return [found.index for found in neighbours(plane, slices, budget=room * 10, nbytes=10, reach=reach)]


@pytest.mark.parametrize(
    ("index", "slices", "expected"),
    [(3, 7, [4, 2, 5, 1, 6, 0]), (0, 4, [1, 2, 3]), (3, 4, [2, 1, 0]), (0, 1, [])],
)
def test_nearest_first_and_inside(index, slices, expected):
    assert indices(Plane(1, index), slices) == expected


def test_no_further_than_it_reaches():
    assert indices(Plane(0, 50), 100, reach=2) == [51, 49, 52, 48]


def test_all_of_the_volume_where_there_is_room():
    assert len(list(neighbours(Plane(0, 50), 300, 10**9, 10))) == 299


def test_no_more_than_memory_has_room_for():
    assert indices(Plane(0, 50), 100, room=4) == [51, 49, 52]
    assert indices(Plane(0, 50), 100, room=0) == []


def test_along_the_same_axis():
    assert {plane.axis for plane in neighbours(Plane(2, 5), 9, 1000, 0)} == {2}
