"""Objects of the volume in the viewer: drawn slice by slice, on several slices, corrected where wrong."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.session.state import Pending
from tests.standing_still import stand_still

MIDDLE = Plane(0, 4)
BOX = Prompt(MIDDLE, box=Box(5, 6, 19, 23))


@pytest.fixture(autouse=True)
def still(monkeypatch):
    stand_still(monkeypatch)


@pytest.fixture
def organ():
    data = np.zeros((9, 26, 30), np.uint8)
    data[2:7, 7:17, 8:21] = 220
    return data


@pytest.fixture
def followed(desk, organ):
    desk.open(organ, scale=(3, 0.8, 0.8))
    desk.workspace.show_plane(MIDDLE)
    assert desk.workspace.propose(BOX)
    desk.session.propagate()
    return desk


def drawn(desk):
    return np.flatnonzero(np.asarray(desk.layer("proposal").data).any(axis=(1, 2))).tolist()


def test_every_slice_is_drawn_and_taken_away_with_its_object(followed):
    assert drawn(followed) == [2, 3, 4, 5, 6]
    followed.session.undo()
    assert drawn(followed) == [4]
    followed.session.redo()
    followed.session.commit()
    assert drawn(followed) == []
    assert np.flatnonzero(followed.session.labels.any(axis=(1, 2))).tolist() == [2, 3, 4, 5, 6]


def test_a_preview_over_a_slice_leaves_no_trace(followed):
    before = np.array(followed.layer("proposal").data)
    hint = np.zeros((26, 30), bool)
    hint[3:22, 3:25] = True
    layer = followed.workspace.layers.proposal
    layer.show_hint(Plane(0, 5), hint)
    assert not np.array_equal(followed.layer("proposal").data, before)
    layer.clear_hint()
    assert np.array_equal(followed.layer("proposal").data, before)


def test_a_click_on_another_slice_of_it_asks_nothing(followed):
    followed.workspace.show_plane(Plane(0, 6))
    prompt = followed.workspace.prompt_on(Plane(0, 6))
    assert followed.workspace.propose(prompt.with_box(Box(8, 9, 15, 19)))
    assert followed.answers.asked == [] and followed.session.proposal.plane.index == 6
    assert drawn(followed) == [2, 3, 4, 5, 6]


def test_strokes_on_another_slice_of_it_go_there(followed):
    followed.workspace.show_plane(Plane(0, 3))
    z, y, x = np.array([3, 3]), np.array([20, 21]), np.array([10, 10])
    followed.layer("proposal").data[z, y, x] = 1
    followed.workspace.proposal_painted((z, y, x), True)
    assert followed.answers.asked == [] and followed.session.proposal.plane.index == 3
    assert followed.session.proposal.mask[20, 10] and len(followed.session.sections) == 5


def test_two_slices_become_one_object_where_the_user_says_so(desk, organ):
    desk.open(organ)
    desk.workspace.show_plane(Plane(0, 2))
    desk.workspace.propose(Prompt(Plane(0, 2), box=BOX.box))
    desk.answers.pending = Pending.JOIN
    desk.workspace.show_plane(Plane(0, 6))
    assert desk.workspace.propose(Prompt(Plane(0, 6), box=BOX.box))
    assert len(desk.answers.asked) == 1 and sorted(desk.session.sections) == [2, 6]


@pytest.mark.parametrize("plane", [Plane(0, 7), Plane(1, 2), Plane(2, 29), Plane(0, 0)])
@pytest.mark.parametrize(
    "options", [{}, {"scale": (3, -0.5, 1), "translate": (10, 4, -2), "units": ("mm", "mm", "um")}]
)
def test_going_to_a_slice_moves_the_slider_whatever_is_looked_along(desk, organ, plane, options):
    desk.open(organ, **options)
    desk.workspace.show_plane(plane)
    assert desk.workspace.plane() == plane == desk.session.plane


@pytest.mark.parametrize("plane", [Plane(0, 7), Plane(1, 2), Plane(2, 29)])
@pytest.mark.parametrize("scale", [(3, 1, 1), (-3, 1, 1), (3, -0.5, -1)])
def test_a_slice_has_the_number_that_the_slider_shows(desk, organ, plane, scale):
    desk.open(organ, scale=scale)
    desk.workspace.show_plane(plane)
    number = desk.session.counting.number(desk.session.volume, plane)
    assert desk.viewer.dims.current_step[plane.axis] == number
    assert (number == plane.index) is (scale[plane.axis] > 0)


def test_a_time_series_with_channels_is_followed_at_the_point_that_is_shown(desk, organ):
    series = np.zeros((2, 3, *organ.shape), np.uint8)
    series[1, 2] = organ
    image = desk.viewer.add_image(series, name="scan", scale=(1, 1, 3, 0.8, 0.8))
    desk.viewer.dims.set_point((0, 1), (1, 2))
    assert desk.workspace.open(image)
    desk.workspace.show_plane(MIDDLE)
    assert desk.workspace.plane() == MIDDLE and desk.viewer.dims.point[:2] == (1, 2)
    desk.workspace.propose(BOX)
    desk.session.propagate()
    desk.session.commit()
    assert np.flatnonzero(desk.session.labels.any(axis=(1, 2))).tolist() == [2, 3, 4, 5, 6]
    assert any("axis 0 at 1, axis 1 at 2" in note for note in desk.session.volume.notes)


def test_a_multiscale_volume_of_chunks_is_read_slice_by_slice(desk, organ):
    dask = pytest.importorskip("dask.array")
    read = []

    def chunk(block_info=None):
        read.append(block_info[None]["array-location"][0][0])
        return organ[slice(*block_info[None]["array-location"][0])]

    full = dask.map_blocks(chunk, chunks=((1,) * 9, (26,), (30,)), dtype=np.uint8)
    image = desk.viewer.add_image(
        [full, dask.from_array(organ[:, ::2, ::2])],
        name="scan",
        multiscale=True,
        contrast_limits=(0, 255),
    )
    assert desk.workspace.open(image)
    desk.workspace.show_plane(MIDDLE)
    read.clear()
    desk.workspace.propose(BOX)
    desk.session.propagate()
    assert sorted(desk.session.sections) == [2, 3, 4, 5, 6]
    assert len(read) <= 4 * 9 and read.count(MIDDLE.index) <= 6  # never the whole volume at once
