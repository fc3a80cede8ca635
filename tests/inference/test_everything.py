"""Everything on a slice from a model that is asked at points: spots, grid, closer looks, the best of each."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference import seeds
from napari_medkd.inference.cutout import Cutout, Piece
from napari_medkd.inference.everything import Effort, search
from tests.doubles import PROMPTS
from tests.seeing import Seeing, nuclei

PLANE = Plane(0, 0)


def picture(shape, discs, radius) -> Volume:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    data = np.full((1, *shape), 20, np.uint8)
    for row, column in discs:
        data[0][(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = 200
    return Volume(data, Geometry.image(data.shape), "GRAY", Window(0.0, 255.0), "discs")


def run(volume, plane=PLANE, segmenter=None, effort=None) -> tuple[list[Cutout], list[tuple[int, int]]]:
    segmenter = segmenter or Seeing(PROMPTS)
    steps, told = search(volume, segmenter.embed(volume, plane), segmenter, effort), []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


def test_each_object_is_found_once_and_nothing_else():
    segmenter = Seeing(PROMPTS)
    found, told = run(nuclei(), Plane(0, 2), segmenter)
    pieces = [one.at(0.0) for one in found]
    assert sorted((piece.corner, piece.count) for piece in pieces) == [
        ((6, 6), 113),
        ((24, 38), 113),
        ((30, 6), 113),
    ]
    assert all(one.prompt.points and one.score == 0.9 and one.name == "" for one in found)
    assert all(done <= total for done, total in told) and told == sorted(told)
    assert len(segmenter.asked) < len(told), "nobody asks about an object that was found"


def test_an_empty_slice_holds_nothing_and_bounds_are_kept():
    assert run(nuclei(), Plane(0, 0))[0] == []
    assert run(nuclei(), Plane(0, 2), effort=Effort(smallest=200))[0] == []
    assert run(nuclei(), Plane(0, 2), effort=Effort(largest=0.01))[0] == []
    assert run(nuclei(), Plane(0, 2), effort=Effort(score=0.95))[0] == []


def test_small_objects_are_looked_at_in_crops_and_lie_where_they_are():
    discs = [(40, 30), (150, 200), (200, 60), (20, 230)]
    volume, segmenter = picture((240, 256), discs, 6), Crops()
    found, _ = run(volume, segmenter=segmenter)
    assert len(segmenter.shapes) > 1 and all(max(shape) < 256 for shape in segmenter.shapes[1:])
    middles = sorted(tuple(np.add(piece.corner, 6)) for piece in (one.at(0.0) for one in found))
    assert np.abs(np.array(middles) - sorted(discs)).max() <= 2
    assert all(one.plane == PLANE and one.frame.shape == (240, 256) for one in found)


def test_a_model_that_takes_no_points_is_refused():
    with pytest.raises(InvalidPrompt, match="takes no points"):
        run(nuclei(), segmenter=Seeing(frozenset({"box"})))


def test_spots_come_before_the_grid_and_the_most_striking_first():
    volume = nuclei()
    places = seeds.spots(volume.slice_seen(Plane(0, 2)))
    assert np.hypot(*(places[:2] - [(12, 12)]).T).min() < 4
    for middle in ((12, 12), (30, 44), (36, 12)):
        assert np.hypot(*(places - middle).T).min() < 4
    assert len(seeds.spots(np.full((30, 40, 1), 7, np.uint8))) == 0
    grid = seeds.grid((30, 60), 4)
    assert len(grid) == 8 and grid.min(axis=0).tolist() == [7.0, 7.0] and grid.max() < 60


def test_pieces_share_join_and_stand_where_they_were():
    one = Piece.of(np.pad(np.ones((3, 4), bool), ((2, 5), (6, 1))))
    other = Piece((3, 8), np.ones((5, 5), bool))
    assert one.corner == (2, 6) and one.shared(other) == 4 and other.shared(one) == 4
    assert one.shared(Piece((30, 30), np.ones((2, 2), bool))) == 0
    both = Piece.joined([one, other])
    assert both.corner == (2, 6) and both.count == 12 + 25 - 4
    assert both.whole((20, 20)).sum() == 33 and Piece.of(np.zeros((4, 4), bool)) is None


class Crops(Seeing):
    """Answers at the network's 64 pixels whatever the slice, and remembers what it was shown."""

    def __init__(self):
        super().__init__(PROMPTS)
        self.shapes = []

    def embed(self, volume, plane):
        self.shapes.append(volume.shape[1:])
        return super().embed(volume, plane)

    def predict(self, embedding, prompt, previous=None, *, quick=False):
        from dataclasses import replace

        from tests.doubles import ThresholdSegmenter

        answer = ThresholdSegmenter.predict(self, embedding, prompt, previous, quick=quick)
        frame = embedding.frame
        low = [frame.to_low_resolution(mask.astype(np.float32), 64) * 10 - 5 for mask in answer.masks]
        return replace(answer, logits=np.stack(low).astype(np.float32))
