from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.io.orientation import upright
from napari_medkd.io.values import eight_bit_colour, plain, rescaled


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0, 70_000], np.int64), np.int32),
        (np.array([-3, 200], np.int64), np.int16),
        (np.array([0, 60_000], np.uint64), np.uint16),
        (np.array([0, 2**40], np.int64), np.float32),
        (np.array([1.5], np.float64), np.float32),
        (np.array([1.5], np.float16), np.float32),
        (np.array([True]), np.uint8),
        (np.array([300], ">i2"), np.int16),
    ],
)
def test_types_become_plain_with_equal_values(values, dtype):
    seen, notes = plain(values)
    assert seen.dtype == dtype and seen.dtype.isnative and notes == ()
    assert np.array_equal(seen.astype(float), values.astype(float))


def test_complex_values_become_magnitudes():
    seen, notes = plain(np.array([3 + 4j]))
    assert seen.tolist() == [5.0] and "magnitude" in notes[0]


def test_nothing_but_nan_becomes_zeros():
    seen, notes = plain(np.full(4, np.nan))
    assert not seen.any() and notes


def test_numbers_beyond_float32_become_the_largest_finite_one():
    seen, notes = plain(np.array([1e300, 2.0, -1.0]))
    assert seen.tolist() == [2.0, 2.0, -1.0] and "1 values" in notes[0]


def test_rescaling_does_not_wrap_around():
    assert rescaled(np.array([250], np.uint8), 2, -1024).tolist() == [-524]
    assert rescaled(np.array([60_000], np.uint16), 1, 10_000).tolist() == [70_000]


def test_no_rescaling_costs_no_copy():
    raw = np.arange(3)
    assert rescaled(raw, 1.0, 0.0) is raw


@pytest.mark.parametrize("highest", [255, 1023, 4095, 65535])
def test_colours_of_more_bits_use_all_eight(highest):
    colours = np.array([[0, highest // 2, highest]], np.uint16)
    assert eight_bit_colour(colours).tolist() == [[0, 127, 255]]


def test_colours_between_zero_and_one():
    assert eight_bit_colour(np.array([[0.0, 0.5, 1.0]])).tolist() == [[0, 128, 255]]


def test_turning_upright_works_on_stacks_and_colours():
    data = np.arange(2 * 3 * 4 * 3).reshape(2, 3, 4, 3)
    for orientation in range(1, 9):
        turned = upright(data, orientation, 1)
        single = np.stack([upright(picture, orientation, 0) for picture in data])
        assert np.array_equal(turned, single)
    assert np.array_equal(upright(data, 99, 1), data)
