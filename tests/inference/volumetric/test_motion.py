import numpy as np
import pytest
from scipy import ndimage

from napari_medkd.core.geometry import Plane
from napari_medkd.core.overlap import dice
from napari_medkd.core.prompts import Box
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.volumetric.appearance import Appearance
from napari_medkd.inference.volumetric.handover import HandOver, deepest, main_parts
from napari_medkd.inference.volumetric.motion import _signed, carried, expected, joined
from tests.doubles import ThresholdSegmenter


def slice_with(centre, radius=7, shape=(60, 70)):
    """A bright disc on a textured ground."""
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    mask = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2
    ground = ndimage.gaussian_filter(rng.normal(0, 60, shape), 3)
    image = ndimage.gaussian_filter(np.where(mask, 190.0, 80.0) + ground, 1)
    return np.clip(image, 0, 255).astype(np.uint8)[..., np.newaxis], mask


@pytest.mark.parametrize("away", [(0, 0), (2, 1), (-1, 3)])
def test_the_outline_moves_with_the_object(away):
    before, mask = slice_with((30, 33))
    after, truth = slice_with((30 + away[0], 33 + away[1]))
    assert dice(carried(before, after, mask) > 0, truth) > 0.9
    assert dice(mask, truth) < 0.9 or away == (0, 0)


def test_a_large_object_is_looked_at_coarsely_and_still_met():
    before, mask = slice_with((150, 160), 110, (300, 320))
    after, truth = slice_with((154, 157), 110, (300, 320))
    assert dice(carried(before, after, mask) > 0, truth) > 0.97


def test_an_object_at_the_edge_of_the_slice():
    before, mask = slice_with((2, 3))
    assert dice(carried(before, before, mask) > 0, mask) > 0.9


@pytest.mark.parametrize(("was", "grows"), [(5, True), (9, False)])
def test_it_is_asked_for_where_it_looks_so_and_no_further_than_a_pixel_away(was, grows):
    image, mask = slice_with((30, 33), 7)
    _, taken = slice_with((30, 33), was)
    outline = np.clip(_signed(taken), -4, 4)
    place = expected(outline, image, Appearance(image, mask))
    assert (int(place.sum()) > int(taken.sum())) is grows
    step = ndimage.binary_dilation if grows else ndimage.binary_erosion
    nearest = step(taken, np.ones((3, 3)))
    assert not (place & ~nearest).any() if grows else not (nearest & ~place).any()
    flat = np.full_like(image, 128)
    assert np.array_equal(expected(outline, flat, Appearance(flat, mask)), taken)
    assert not expected(np.full_like(outline, -4), image, Appearance(image, mask)).any()


def test_both_voices_count_and_nothing_found_is_nothing():
    before, mask = slice_with((30, 33))
    outline, look = carried(before, before, mask), Appearance(before, mask)
    assert dice(joined(outline, mask, before, look), mask) > 0.95
    flat = np.full_like(before, 128)
    unseen = Appearance(flat, mask)  # everything looks alike: only the outlines count
    grown = ndimage.binary_dilation(mask, iterations=4)
    assert mask.sum() < joined(outline, grown, flat, unseen).sum() < grown.sum()
    assert not joined(outline, np.zeros_like(mask), before, look).any()


def test_what_only_one_outline_holds_falls_by_its_look():
    image, mask = slice_with((30, 33), 7)
    look, flat = Appearance(image, mask), np.full_like(image, 128)
    outline, grown = carried(image, image, mask), ndimage.binary_dilation(mask, iterations=3)
    seen, unseen = joined(outline, grown, image, look), joined(outline, grown, flat, Appearance(flat, mask))
    assert mask.sum() <= seen.sum() < unseen.sum()
    smaller = slice_with((30, 33), 4)[0]
    assert look.likeness(image, mask) > 0.99 > 0.8 > look.likeness(smaller, mask)


def test_parts_are_numbered_by_size_without_specks():
    mask = np.zeros((20, 30), bool)
    mask[2:4, 2:4], mask[5:15, 10:20], mask[18, 28] = True, True, True
    parts = main_parts(mask)
    assert parts[10, 15] == 1 and parts[3, 3] == 0 and parts[18, 28] == 0
    mask[2:6, 2:6] = True
    assert main_parts(mask)[3, 3] == 2


def test_a_split_object_is_asked_for_by_one_box_and_a_point_a_part():
    mask = np.zeros((40, 50), bool)
    mask[5:15, 5:15], mask[20:32, 30:42] = True, True
    prompt = HandOver.to(ThresholdSegmenter().card).prompt(Plane(0, 3), mask)
    assert prompt.box == Box(5, 5, 31, 41)  # tight: models fill a looser one
    assert len(prompt.points) == 2 and all(mask[int(one.row), int(one.column)] for one in prompt.points)


def test_a_box_stays_inside_and_what_a_model_does_not_take_is_not_said():
    mask = np.zeros((10, 12), bool)
    mask[0, 0] = True
    only_boxes = HandOver.to(ThresholdSegmenter(capabilities=frozenset({"box"})).card)
    prompt = only_boxes.prompt(Plane(0, 0), mask)
    assert not prompt.points and (prompt.box.top, prompt.box.left, prompt.box.bottom) == (0, 0, 1)
    prompt.check((10, 12))
    with pytest.raises(InvalidPrompt, match="neither boxes nor points"):
        HandOver.to(ThresholdSegmenter(capabilities=frozenset({"auto"})).card)


def test_the_deepest_pixel_of_a_ring_lies_in_it():
    mask = np.zeros((30, 30), bool)
    mask[5:25, 5:25] = True
    mask[10:20, 10:20] = False
    point = deepest(mask)
    assert mask[int(point.row), int(point.column)]
