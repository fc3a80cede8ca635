from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.inference.looks import afar, averaged, joined, quarters
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.card import Preprocessing, Target
from tests.batch.made import SIZE, BrightRuntime, bright_card, square

PLANE = Plane(0, 0)
THIN = Target(name="vessel", quarters=True)


def make(*targets: Target) -> SamSegmenter:
    return SamSegmenter(bright_card(*targets), BrightRuntime(len(targets)))


def image(picture: np.ndarray) -> Volume:
    return Volume.from_array(picture[np.newaxis], geometry=Geometry.image((1, *picture.shape)), name="x")


@pytest.mark.parametrize("shape", [(200, 200), (120, 200), (200, 150), (500, 90), (110, 107)])
def test_quarters_cover_a_slice_and_share_their_edges(shape):
    seen = np.zeros(shape, int)
    crops = quarters(shape)
    for crop in crops:
        assert max(crop.shape) == round(0.6 * max(shape))
        seen[crop.pixels] += 1
    assert seen.min() == 1 and seen.max() > 1
    assert len(crops) == (2 if min(shape) <= 0.6 * max(shape) else 4)


def test_of_a_small_slice_there_is_no_closer_look():
    assert quarters((100, 80)) == [] and quarters((1, 1)) == []
    runtime = BrightRuntime()
    small = SamSegmenter(bright_card(THIN), runtime)
    (found,) = small.propose(small.embed(image(square((64, 64))), PLANE))
    assert runtime.encoded == 1 and np.array_equal(found.masks[0], square((64, 64)) > 0)


def test_what_fades_in_the_whole_slice_is_found():
    picture = np.zeros((256, 200), np.uint8)
    picture[97:104, 30:160] = 255
    plain, close = make(Target(name="vessel")), make(THIN)
    (missed,) = plain.propose(plain.embed(image(picture), PLANE))
    (found,) = close.propose(close.embed(image(picture), PLANE))
    truth = picture > 0
    assert (missed.masks[0] & truth).sum() < 0.1 * truth.sum()
    assert (found.masks[0] & truth).sum() > 0.7 * truth.sum()
    assert found.masks[0].sum() < 2 * truth.sum()
    assert found.logits.shape == (1, 2 * SIZE, 2 * SIZE) and found.frame.shape == (256, 200)


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_from_afar_a_slice_takes_up_less_of_the_input_and_answers_in_its_own_pixels(fit):
    whole = Frame((200, 150), Preprocessing(size=64, fit=fit))
    first, second = afar(whole)
    assert [max(one.fitted) for one in (whole, first, second)] == [64, 54, 45]
    picture = np.full((200, 150, 3), 200, np.uint8)
    seen = second.to_input(picture)[0, 0]
    rows, columns = second.fitted
    assert np.ptp(seen[:rows, :columns]) == 0 and not seen[rows:].any() and not seen[:, columns:].any()
    logits = np.full((16, 16), -8, np.float32)
    logits[: round(rows / 8), :16] = 8  # the upper half of what is seen
    mask = second.to_mask(logits)
    assert mask[:100].all() and not mask[114:].any()


class Afar(BrightRuntime):
    """Finds nothing that reaches the last rows or columns of its input."""

    def decode(self, features, *asked):
        logits, scores = super().decode(features, *asked)
        filled = logits[:, -1].max() > 0
        return (np.full_like(logits, -4) if filled else logits), scores


def test_what_is_missed_where_it_fills_the_view_is_found_from_afar():
    picture = np.full((128, 128), 255, np.uint8)
    plain, far = (
        SamSegmenter(bright_card(Target(name="polyp", afar=is_far)), Afar()) for is_far in (False, True)
    )
    (missed,) = plain.propose(plain.embed(image(picture), PLANE))
    (found,) = far.propose(far.embed(image(picture), PLANE))
    assert not missed.masks[0].any() and found.masks[0].mean() > 0.95
    assert far.runtime.encoded == 3 and found.logits.shape == missed.logits.shape


def test_looks_at_one_slice_count_the_same():
    frame = Frame((200, 200), Preprocessing(size=64))
    looks = [
        (one, np.full((2, 16, 16), value))
        for one, value in zip([frame, *afar(frame)], (6, -2, -1), strict=True)
    ]
    assert np.allclose(averaged(frame, looks, 16)[:, :14, :14], 1, atol=1e-4)


def test_where_all_views_agree_their_answer_stays():
    seen = Frame((200, 150), Preprocessing(size=64))
    parts = [
        (Frame((200, 150), Preprocessing(size=64), crop), np.full((2, 16, 16), 3.5))
        for crop in quarters((200, 150))
    ]
    logits = joined(np.full((2, 16, 16), 3.5), seen, parts, 32)
    rows, columns = (fitted // 2 for fitted in seen.fitted)
    assert logits.shape == (2, 32, 32) and np.allclose(logits[:, :rows, :columns], 3.5, atol=1e-4)


def test_the_whole_slice_has_as_much_to_say_as_its_quarters():
    seen = Frame((200, 200), Preprocessing(size=64))
    parts = [
        (Frame((200, 200), Preprocessing(size=64), crop), np.full((1, 16, 16), 6.0))
        for crop in quarters((200, 200))
    ]
    assert np.allclose(joined(np.full((1, 16, 16), -2.0), seen, parts, 32), 2.0, atol=1e-4)


def test_all_targets_of_one_answer_are_of_one_size():
    both = make(THIN, Target(name="disc"))
    found = both.propose(both.embed(image(square((200, 200), side=60)), PLANE))
    assert {one.logits.shape for one in found} == {(1, 2 * SIZE, 2 * SIZE)}
