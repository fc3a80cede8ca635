from itertools import pairwise

import numpy as np
import pytest

from napari_medkd.batch import answer, tiles
from napari_medkd.batch.boxes import BoxRow
from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Box
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.errors import InvalidPrompt
from napari_medkd.models.card import Target
from tests.batch.made import GRID, square

FULL = Window(0, 255)
PLANE = Plane(0, 0)


def whole(values: np.ndarray) -> Volume:
    return Volume(values[np.newaxis], Geometry.image((1, *values.shape)), "", FULL, "x")


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 129, 640, 1001])
def test_tiles_cover_every_pixel_and_share_their_edges(length):
    tiling = tiles.Tiling((length, 64), side=64, grid=16)
    pieces = [tiling.pixels(start) for start in tiling.starts(0)]
    assert pieces[0][0] == 0 and pieces[-1][1] >= length > pieces[-1][0]
    assert all(later[0] < earlier[1] for earlier, later in pairwise(pieces))
    if len(pieces) > 1:
        assert pieces[-1][1] - length < tiling.cell


def test_what_reaches_over_the_edge_repeats_the_last_pixels():
    values = np.arange(70 * 66, dtype=np.int16).reshape(70, 66)
    tiling = tiles.Tiling((70, 66), side=64, grid=16)
    tile = tiles.tile_volume(whole(values), PLANE, tiling, 2, 1)  # rows 8 to 72, columns 4 to 68
    assert tile.data.shape == (1, 64, 64)
    assert np.array_equal(tile.data[0, :62, :62], values[8:, 4:])
    assert np.array_equal(tile.data[0, 62:], np.repeat(tile.data[0, 61:62], 2, axis=0))


def test_equal_answers_blend_to_themselves_and_all_tiles_are_seen():
    seen = np.zeros((200, 150), int)
    tiling = tiles.Tiling((200, 150), side=64, grid=16)
    values = np.zeros((200, 150), np.uint8)
    looks = []

    def look(tile: Volume, plane: Plane):
        looks.append(tile.data.shape)
        return np.full((2, 16, 16), 3.5, np.float32)

    logits = tiles.blend(whole(values), PLANE, tiling, look)
    assert logits.shape[0] == 2 and np.allclose(logits, 3.5, atol=1e-5)
    assert set(looks) == {(1, 64, 64)} and len(looks) == len(tiling.starts(0)) * len(tiling.starts(1))
    assert seen.shape == tiling.shape


def test_a_mask_lies_where_the_object_is_whatever_tile_saw_it(bright, config):
    picture = square((300, 220), top=96, left=128, side=80)
    image = Volume.from_array(picture[np.newaxis], geometry=Geometry.image((1, *picture.shape)), name="x")
    found = answer.by_itself(image, bright, config(tile=64))
    wrong = np.count_nonzero((found.labels[0] > 0) != (picture > 0))
    assert wrong <= 4 * 80  # half a logit along its outline
    assert found.labels.shape == (1, 300, 220) and found.confidence > 0.9


def test_tiles_see_what_is_too_small_for_one_look(bright, config):
    picture = square((640, 640), top=400, left=200, side=12)
    image = Volume.from_array(picture[np.newaxis], geometry=Geometry.image((1, *picture.shape)), name="x")
    assert not answer.by_itself(image, bright, config(tile=0)).labels.any()
    found = answer.by_itself(image, bright, config(tile=64))
    rows, columns = np.nonzero(found.labels[0])
    assert (rows.mean(), columns.mean()) == pytest.approx((405.5, 205.5), abs=1)


def test_tiles_may_be_looked_at_in_quarters(make_segmenter, config):
    picture = square((300, 300), top=96, left=128, side=80)
    found = answer.by_itself(
        whole(picture), make_segmenter(Target(name="nuclei", quarters=True)), config(tile=128)
    )
    wrong = np.count_nonzero((found.labels[0] > 0) != (picture > 0))
    assert found.labels.shape == (1, 300, 300) and wrong <= 4 * 80


def test_bands_of_the_mask_without_the_object_are_not_computed():
    logits = np.full((GRID * 64, GRID), -5, np.float32)
    logits[:4] = 5
    tiling = tiles.Tiling((GRID * 64 * 4, GRID * 4), side=64, grid=16)
    bands = [rows for rows, _ in tiles.to_mask(logits, tiling, 0.5)]
    assert bands == [slice(0, 512)]


def test_boxes_on_a_large_slice_are_answered_from_their_surroundings(boxed, monkeypatch):
    monkeypatch.setattr(tiles, "_LEAST", 64)
    picture = square((300, 220), top=200, left=128, side=16)
    boxes = [BoxRow(Box(199, 127, 216, 144), label=3), BoxRow(Box(0, 0, 8, 8), label=4)]
    found = answer.with_boxes(whole(picture), boxed, boxes, 0, tile=128)
    assert set(np.unique(found.labels).tolist()) == {0, 3}  # the second finds nothing in its corner
    wrong = np.count_nonzero((found.labels[0] > 0) != (picture > 0))
    assert wrong <= 2 * 16 and len(found.empty) == 1
    with pytest.raises(InvalidPrompt):
        answer.with_boxes(whole(picture), boxed, [BoxRow(Box(400, 0, 410, 20))], 0, tile=128)


def test_an_overview_of_a_large_slice_is_as_small_as_asked():
    seen = tiles.overview(whole(np.arange(300 * 90).reshape(300, 90)), PLANE, 128)
    assert seen.shape == (1, 100, 30) and seen.data[0, 1, 1] == 3 * 90 + 3
