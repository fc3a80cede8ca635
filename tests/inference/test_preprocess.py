from __future__ import annotations

import time

import numpy as np
import pytest

from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.zoom import Crop, Extent
from napari_medkd.models.card import Preprocessing

LITE = Preprocessing(size=256, interpolation="area", normalise="min-max")
SAM = Preprocessing(size=1024)
EFFICIENT = Preprocessing(size=512, prompt_size=1024)
STRETCHED = Preprocessing(size=256, fit="stretch")
SHAPES = [(512, 512), (37, 91), (91, 37), (512, 4), (4, 512), (1, 1), (1000, 1), (767, 1023), (3001, 2000)]
both = pytest.mark.parametrize("preprocessing", [LITE, SAM, EFFICIENT, STRETCHED])
shapes = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def interpolated(values, target):
    """Bilinear along the first axis, from the definition."""
    source = len(values)
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, source - 1)
    fraction = (position - low)[:, None]
    return values[low] * (1 - fraction) + values[high] * fraction


def pixels(frame):
    """How many pixels of the image lie along each side of the whole input."""
    return [
        full * frame.preprocessing.size / part for full, part in zip(frame.shape, frame.fitted, strict=True)
    ]


@pytest.mark.parametrize(
    ("shape", "fitted"), [((512, 512), (256, 256)), ((486, 640), (194, 256)), ((1000, 1), (256, 1))]
)
def test_longest_side_is_fitted_and_no_side_vanishes(shape, fitted):
    assert Frame(shape, LITE).fitted == fitted
    assert Frame(shape, STRETCHED).fitted == (256, 256)


@both
@shapes
def test_input_is_padded_at_the_right_and_bottom_only(rng, shape, preprocessing):
    frame = Frame(shape, preprocessing)
    image = rng.integers(1, 256, (*shape, 3), dtype=np.uint8)
    rows, columns = frame.fitted
    tensor = frame.to_input(image)
    assert tensor.shape == (1, 3, preprocessing.size, preprocessing.size)
    assert tensor.dtype == np.float32
    assert not tensor[:, :, rows:].any() and not tensor[:, :, :, columns:].any()
    assert np.isfinite(tensor).all()


def test_min_max_is_over_all_channels_and_flat_images_stay_finite():
    image = np.zeros((256, 256, 3), np.uint8)
    image[..., 1] = 50
    image[..., 2] = 200
    tensor = Frame((256, 256), LITE).to_input(image)
    np.testing.assert_allclose(tensor[0, :, 5, 5], [0, 0.25, 1])
    assert not Frame((256, 256), LITE).to_input(np.full((256, 256, 3), 9, np.uint8)).any()


def test_mean_std_is_that_of_the_card():
    image = np.full((1024, 1024, 3), 100, np.uint8)
    tensor = Frame((1024, 1024), SAM).to_input(image)
    expected = (100 - np.array(SAM.mean)) / np.array(SAM.std)
    np.testing.assert_allclose(tensor[0, :, 0, 0], expected, rtol=1e-5)


def test_prompts_are_scaled_without_a_shift_into_their_own_frame():
    np.testing.assert_allclose(
        Frame((486, 640), LITE).to_prompt(np.array([[486, 640], [0, 0]])), [[256, 194], [0, 0]]
    )
    np.testing.assert_allclose(Frame((512, 512), EFFICIENT).to_prompt(np.array([[10, 20]])), [[40, 20]])
    np.testing.assert_allclose(
        Frame((100, 50), STRETCHED).to_prompt(np.array([[10, 20]])), [[102.4, 25.6]], rtol=1e-5
    )


@both
@shapes
def test_mask_is_interpolated_to_the_input_cropped_and_interpolated_back(rng, shape, preprocessing):
    frame = Frame(shape, preprocessing)
    logits = rng.normal(size=(64, 64)).astype(np.float32)
    rows, columns = frame.fitted
    large = interpolated(interpolated(logits, preprocessing.size).T, preprocessing.size).T[:rows, :columns]
    expected = interpolated(interpolated(large, shape[0]).T, shape[1]).T
    found = frame.to_logits(logits)
    assert found.shape == shape
    np.testing.assert_allclose(found, expected, atol=1e-3)
    mask = frame.to_mask(logits)
    certain = np.abs(expected) > 1e-3
    np.testing.assert_array_equal(mask[certain], expected[certain] > 0)


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("place", [(0, 0), (63, 63), (20, 41), None])
def test_skipping_what_cannot_be_inside_changes_nothing(place, threshold):
    frame = Frame((250, 331), LITE)
    logits = np.full((64, 64), -3, np.float32)
    if place is not None:
        logits[place] = 5
    np.testing.assert_array_equal(frame.to_mask(logits, threshold), frame.to_logits(logits) > threshold)


@both
@shapes
def test_a_prompt_and_a_mask_name_the_same_pixel(rng, shape, preprocessing):
    """Marking the logit under the place where a click lands gives a mask with the clicked pixel in it."""
    frame = Frame(shape, preprocessing)
    side = 64
    points = rng.integers(0, shape, (20, 2))
    for point, (x, y) in zip(points, frame.to_prompt(points), strict=True):
        scale = side / preprocessing.prompt_frame
        row, column = int((y + 0.5) * scale), int((x + 0.5) * scale)
        logits = np.full((side, side), -1, np.float32)
        # SAM's rule has no half-pixel shift: half a pixel of the image may be many logits of a sliver.
        down, across = (1 + int(np.ceil(side * 0.5 / extent)) for extent in pixels(frame))
        logits[max(0, row - down) : row + down + 1, max(0, column - across) : column + across + 1] = 3
        assert frame.to_mask(logits)[tuple(point)]


def test_painted_pixels_reach_the_logits_where_they_were_painted():
    frame = Frame((400, 200), SAM)
    painted = np.zeros((400, 200), bool)
    painted[100:200, 50:100] = True
    low = frame.to_low_resolution(painted, 64)
    assert low.shape == (64, 64)
    np.testing.assert_allclose(low[16:32, 8:16], 1, atol=1e-5)
    assert low.sum() == pytest.approx(16 * 8, rel=1e-3)
    assert not low[:, 32:].any()  # padding


def test_a_seven_thousand_pixel_image_takes_no_seven_thousand_pixel_floats(rng):
    import tracemalloc

    shape = (7000, 7236)
    image = np.zeros((*shape, 3), np.uint8)
    image[3000:4000, 3000:4000] = 255
    frame = Frame(shape, LITE)
    tracemalloc.start()
    tensor = frame.to_input(image)
    logits = np.where(tensor[0, 0] > 0.5, 4, -4).astype(np.float32)
    mask = frame.to_mask(logits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6
    wanted = image[..., 0] > 0
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.95  # a logit is 28 pixels wide


def test_a_click_on_a_1024_image_costs_a_few_milliseconds():
    row, column = np.mgrid[:256, :256]
    logits = (40 - np.hypot(row - 100, column - 130)).astype(np.float32)
    frame = Frame((1024, 1024), LITE)
    frame.to_mask(logits)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        frame.to_mask(logits)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.02  # measured 1 ms; generous for a busy machine


# --- crops ---

CROPS = [
    ((512, 512), Crop(100, 200, 228, 328)),
    ((767, 1023), Crop(0, 900, 123, 1023)),
    ((91, 37), Crop(11, 0, 75, 37)),
    ((1000, 1), Crop(936, 0, 1000, 1)),
    ((333, 517), Crop(7, 13, 104, 110)),
]
crops = pytest.mark.parametrize(("shape", "crop"), CROPS)


@both
@crops
def test_a_crop_is_seen_as_an_image_of_its_own(rng, shape, crop, preprocessing):
    """Everything about a crop is what it is for the pixels cut out, but for where they lie."""
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    frame, alone = Frame(shape, preprocessing, crop), Frame(crop.shape, preprocessing)
    np.testing.assert_array_equal(frame.to_input(image), alone.to_input(image[crop.pixels]))
    points = rng.uniform(0, crop.shape, (9, 2))
    np.testing.assert_allclose(
        frame.to_prompt(points + np.array((crop.top, crop.left))),
        alone.to_prompt(points),
        rtol=1e-4,
        atol=1e-3,
    )
    logits = rng.normal(size=(64, 64)).astype(np.float32)
    mask = frame.to_mask(logits)
    np.testing.assert_array_equal(mask[crop.pixels], alone.to_mask(logits))
    mask[crop.pixels] = False
    assert mask.shape == shape and not mask.any()
    values = rng.random(shape)
    np.testing.assert_array_equal(
        frame.to_low_resolution(values, 64), alone.to_low_resolution(values[crop.pixels], 64)
    )


@both
@crops
def test_the_whole_slice_is_the_crop_of_everything(rng, shape, crop, preprocessing):
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    whole, same = Frame(shape, preprocessing), Frame(shape, preprocessing, Crop.whole(shape))
    assert whole.view == same.view
    np.testing.assert_array_equal(whole.to_input(image), same.to_input(image))


@both
@crops
def test_the_extent_of_logits_is_that_of_their_mask(shape, crop, preprocessing):
    frame = Frame(shape, preprocessing, crop)
    logits = np.full((64, 64), -5, np.float32)
    rows, columns = (max(3, round(64 * part / preprocessing.size)) for part in frame.fitted)
    logits[rows // 3 : 1 + 2 * rows // 3, columns // 4 : 1 + columns // 2] = 5
    found, exact = frame.extent(logits), Extent.of_mask(frame.to_mask(logits))
    wide = [
        1 + size / 64 * full / part
        for full, part, size in zip(crop.shape, frame.fitted, [preprocessing.size] * 2, strict=True)
    ]
    assert abs(found.top - exact.top) <= wide[0] and abs(found.bottom - exact.bottom) <= wide[0]
    assert abs(found.left - exact.left) <= wide[1] and abs(found.right - exact.right) <= wide[1]
    assert crop.top <= found.top <= found.bottom <= crop.bottom - 1
    assert frame.extent(np.full((64, 64), -1, np.float32)) is None


def smooth(frame, side, centre, radius):
    """Logits of a disc in the slice, in a view."""
    rows, columns = np.mgrid[: frame.shape[0], : frame.shape[1]]
    return frame.to_low_resolution(radius - np.hypot(rows - centre[0], columns - centre[1]), side)


@pytest.mark.parametrize("shape", [(512, 512), (401, 600)])
@pytest.mark.parametrize(
    ("source", "target"),
    [
        (None, Crop(100, 120, 300, 320)),
        (Crop(100, 120, 300, 320), None),
        (Crop(100, 120, 300, 320), Crop(120, 130, 320, 330)),
    ],
)
def test_logits_of_one_view_name_the_same_pixels_in_another(shape, source, target):
    before, after = (Frame(shape, Preprocessing(size=256), crop) for crop in (source, target))
    logits = smooth(before, 128, (210, 225), 60)
    moved = after.from_other(logits, before, 64)
    assert moved.shape == (64, 64) and moved.dtype == np.float32
    wanted, found = before.to_mask(logits), after.to_mask(moved)
    assert (wanted & found).sum() / (wanted | found).sum() > 0.95


def test_what_another_view_does_not_show_is_not_the_object():
    before = Frame((512, 512), Preprocessing(size=256), Crop(0, 0, 128, 128))
    after = Frame((512, 512), Preprocessing(size=256), Crop(64, 64, 192, 192))
    moved = after.from_other(np.full((128, 128), 7, np.float32), before, 64)
    assert (moved[:31, :31] > 6).all() and (moved[33:] == -1).all() and (moved[:, 33:] == -1).all()
    apart = Frame((512, 512), Preprocessing(size=256), Crop(300, 300, 400, 400))
    assert (apart.from_other(np.full((128, 128), 7, np.float32), before, 64) == -1).all()
