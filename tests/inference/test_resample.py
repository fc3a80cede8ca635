from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_medkd.inference import resample

SIZES = [(1, 1), (1, 7), (7, 1), (5, 5), (13, 4), (4, 13), (512, 256), (91, 256), (767, 192)]


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize(("source", "target"), SIZES)
@pytest.mark.parametrize("matrix", [resample.area, resample.antialiased, resample.bilinear])
def test_rows_sum_to_one_and_weights_are_positive(matrix, source, target):
    dense = matrix(source, target).toarray()
    assert dense.shape == (target, source)
    assert dense.min() >= 0
    np.testing.assert_allclose(dense.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_area_is_the_mean_over_each_pixels_extent(rng, source, target):
    values = rng.normal(size=source)
    expected = np.repeat(values, target).reshape(target, source).mean(axis=1)
    np.testing.assert_allclose(resample.area(source, target) @ values, expected, atol=1e-5)


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_bilinear_interpolates_between_pixel_centres(rng, source, target):
    values = rng.normal(size=source)
    position = (np.arange(target) + 0.5) * source / target - 0.5
    expected = np.interp(position, np.arange(source), values)
    np.testing.assert_allclose(resample.bilinear(source, target) @ values, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("before", "after"), [((37, 91), (104, 256)), ((300, 200), (64, 43)), ((9, 1), (3, 1))]
)
def test_antialiased_is_what_pillow_does(rng, before, after):
    image = rng.integers(0, 256, (*before, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(image).resize(after[::-1], Image.Resampling.BILINEAR), np.float32)
    matrices = [resample.antialiased(a, b) for a, b in zip(before, after, strict=True)]
    assert np.abs(resample.resize(image, *matrices) - expected).max() <= 1  # Pillow rounds in between


def test_band_is_the_matrix_over_the_columns_it_uses():
    matrix = resample.area(100, 30)
    piece, first, last = resample.band(matrix, 10, 17)
    np.testing.assert_array_equal(piece.toarray(), matrix.toarray()[10:17, first:last])
    assert not matrix.toarray()[10:17, :first].any() and not matrix.toarray()[10:17, last:].any()
