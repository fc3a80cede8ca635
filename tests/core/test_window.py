from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.window import CT_PRESETS, Window, guess_window


def test_level_and_width_are_the_middle_and_the_span():
    window = Window.from_level(40, 400)
    assert (window.low, window.high) == (-160, 240)


def test_values_outside_are_clipped_and_nan_is_black():
    window = Window(0, 200)
    values = np.array([-5.0, 0, 100, 200, 900, np.nan])
    assert window.to_uint8(values).tolist() == [0, 0, 128, 255, 255, 0]


def test_every_level_of_eight_bits_is_kept():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(Window(0, 255).to_uint8(levels), levels)


def test_a_window_without_width_does_not_divide_by_zero():
    assert Window(5, 5).to_uint8(np.array([4.0, 6.0])).tolist() == [0, 255]


def test_ct_gets_soft_tissue():
    level, width = CT_PRESETS["Soft tissue"]
    window = guess_window(np.zeros((1, 2, 2), np.int16), "CT")
    assert (window.low, window.high, window.name) == (level - width / 2, level + width / 2, "Soft tissue")


def test_percentiles_leave_out_background_and_odd_values():
    data = np.concatenate([np.zeros(1000), np.linspace(100, 200, 1001), [np.nan, np.inf]])
    window = guess_window(data.astype(np.float32), "MR")
    assert window.low == pytest.approx(100.5, abs=0.1) and window.high == pytest.approx(199.5, abs=0.1)


@pytest.mark.parametrize("data", [np.zeros((1, 3, 3), np.int16), np.full((1, 3, 3), 7, np.uint16)])
def test_a_constant_image_has_a_window_with_width(data):
    window = guess_window(data, "MR")
    assert window.high > window.low


def test_bytes_and_masks_show_their_full_range():
    assert guess_window(np.array([3, 9], np.uint8), "GRAY").high == 255
    assert guess_window(np.array([True]), "GRAY").high == 1


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_a_large_slice_is_mapped_as_each_of_its_values_is(dtype):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(0).integers(limits.min, limits.max + 1, (400, 400)).astype(dtype)
    values[0, :2] = limits.min, limits.max
    window = Window(-3.5, 219.25)
    expected = np.stack([window.to_uint8(row) for row in values])
    np.testing.assert_array_equal(window.to_uint8(values), expected)
