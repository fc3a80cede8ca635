import pytest

from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.volumetric import Reach, Stretch, stretches
from napari_medkd.inference.volumetric.stretches import in_turn

ALL = Reach().within(10)


def test_one_slice_is_followed_both_ways_to_the_ends():
    assert stretches([4], ALL) == [Stretch(4, range(5, 10)), Stretch(4, range(3, -1, -1))]


def test_between_two_slices_first_then_beyond_them():
    assert stretches([2, 5], ALL) == [
        Stretch(2, range(3, 5), 5),
        Stretch(5, range(6, 10)),
        Stretch(2, range(1, -1, -1)),
    ]


def test_neighbouring_slices_have_nothing_between_them():
    assert [one.end for one in stretches([4, 5], ALL)] == [None, None]


@pytest.mark.parametrize(("direction", "steps"), [(1, [1]), (-1, [-1]), (0, [1, -1])])
def test_a_direction(direction, steps):
    assert [one.step for one in stretches([4], Reach(0, 9, direction))] == steps


def test_a_range_ends_the_walk_and_may_leave_slices_out():
    assert stretches([4], Reach(3, 6)) == [Stretch(4, range(5, 7)), Stretch(4, range(3, 2, -1))]
    assert stretches([1], Reach(4, 6)) == [Stretch(1, range(4, 7))]


def test_only_beside_a_corrected_slice():
    assert stretches([2, 5, 8], Reach(0, 9, beside=8)) == [
        Stretch(5, range(6, 8), 8),
        Stretch(8, range(9, 10)),
    ]


def test_a_range_is_cut_to_the_volume_and_must_hold_a_slice():
    assert Reach(-3, 99).within(10) == ALL
    with pytest.raises(InvalidPrompt, match="holds no slice"):
        Reach(6, 2).within(10)


def test_walks_are_worked_on_in_turn():
    assert list(in_turn([iter("ab"), iter("123")])) == ["a", "1", "b", "2", "3"]
