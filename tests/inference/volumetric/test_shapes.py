import numpy as np
import pytest

from napari_medkd.inference.volumetric.shapes import between, blend


def disc(radius, centre=(20, 20), shape=(41, 45)):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def test_halfway_between_two_discs_is_the_disc_between_them():
    found = blend(disc(6), disc(14), 0.5)
    assert abs(int(found.sum()) - int(disc(10).sum())) <= 12


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_are_met(share):
    one, other = disc(6), disc(9, (22, 25))
    assert np.array_equal(blend(one, other, share), other if share else one)


def test_an_object_that_moves_is_met_halfway():
    found = blend(disc(8, (18, 16)), disc(8, (22, 24)), 0.5)
    rows, columns = np.nonzero(found)
    assert rows.mean() == pytest.approx(20, abs=0.5) and columns.mean() == pytest.approx(20, abs=0.5)


def test_the_spacing_counts():
    low, high = disc(5), np.zeros((41, 45), bool)
    high[20:22, 10:31] = True
    tall, flat = blend(low, high, 0.4, (0.2, 1.0)), blend(low, high, 0.4, (5.0, 1.0))
    assert not np.array_equal(tall, flat)


def test_slices_between_drawn_ones_are_filled_rising_and_empty_ones_left_out():
    masks = {9: disc(9), 3: disc(3), 6: disc(6)}
    found = dict(between(masks))
    assert list(found) == [4, 5, 7, 8]
    assert [int(found[index].sum()) for index in found] == sorted(int(one.sum()) for one in found.values())


def test_empty_and_full_slices():
    nothing, everything = np.zeros((5, 6), bool), np.ones((5, 6), bool)
    assert not blend(nothing, nothing, 0.5).any()
    assert blend(everything, everything, 0.5).all()
    assert not blend(disc(3), np.zeros((41, 45), bool), 0.9).any()
