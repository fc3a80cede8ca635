"""Image, session and layers in step, on a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.window import Window
from napari_medkd.errors import GeometryMismatch
from napari_medkd.session.state import Pending, State
from napari_medkd.viewer.transforms import data_to_world
from tests.viewer.conftest import Desk

KINDS = ("labels", "proposal", "scribble", "boxes", "points")


def test_opening_adds_our_layers_over_the_image_and_closing_takes_them(desk, volume):
    desk.viewer.add_image(np.zeros((30, 40)), name="other")
    desk.open(volume, scale=(3, 1, 1), units=("mm", "mm", "mm"))
    names = [layer.name for layer in desk.viewer.layers]
    assert names == ["other", "scan", *(f"scan – {kind}" for kind in KINDS)]
    assert desk.session.state is State.READY
    assert desk.workspace.close()
    assert [layer.name for layer in desk.viewer.layers] == ["other", "scan"]
    assert desk.session.state is State.NO_IMAGE


@pytest.mark.parametrize("ndim", [2, 3])
def test_our_layers_have_the_dimensions_of_the_image(desk, picture, volume, ndim):
    image = desk.open(picture if ndim == 2 else volume)
    for kind in KINDS:
        assert desk.layer(kind).ndim == image.ndim == ndim
    assert np.shares_memory(desk.layer("labels").data, desk.session.labels)


def test_our_layers_change_nothing_of_the_world(desk, volume):
    image = desk.viewer.add_image(volume, name="scan", scale=(3, 0.5, 700), units=("mm", "mm", "um"))
    before = desk.viewer.dims.range, desk.viewer.dims.units
    desk.workspace.open(image)
    assert (desk.viewer.dims.range, desk.viewer.dims.units) == before


def test_our_layers_follow_transform_and_name_of_the_image(desk, volume):
    image = desk.open(volume)
    image.scale, image.translate, image.name = (3, 2, 1), (5, 6, 7), "head"
    image.affine = np.diag([1, -1, 1, 1])
    image.units = ("mm", "mm", "mm")
    for kind in KINDS:
        layer = desk.viewer.layers[f"head – {kind}"]
        assert layer.data_to_world((1, 2, 3)) == pytest.approx(image.data_to_world((1, 2, 3)))
        assert layer.units == image.units
    desk.workspace.close()
    image.scale = (1, 1, 1)  # nobody follows any more, and nothing fails


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (2, 0, 1)])
def test_a_box_in_any_order_of_axes(desk, volume, order):
    desk.open(volume, scale=(4, 1, 0.5))
    desk.viewer.dims.order = order
    image = desk.workspace.image
    place = np.array([3, 15, 20])
    desk.viewer.dims.set_point(range(3), data_to_world(desk.viewer, image, place))
    assert desk.session.plane == Plane(order[0], place[order[0]])
    low, high = np.array([0, 8, 13]), np.array([5, 22, 32])
    low[order[0]] = high[order[0]] = place[order[0]]
    desk.mouse().drag([low, (low + high) / 2, high])
    truth = volume[desk.session.plane.slicing()] > 100
    assert (desk.mask == truth).all() and truth.any()
    shown = desk.layer("proposal").data > 0
    assert (shown[desk.session.plane.slicing()] == truth).all()
    assert shown.sum() == truth.sum()


@pytest.mark.parametrize(
    "options",
    [
        {"scale": (5, 0.5, 0.7), "units": ("mm", "um", "um")},
        {"rotate": [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]], "translate": (3, 4, 5)},
        {"affine": np.diag([-3, -1, -0.7, 1])},
        {"shear": [0, 0, 0.4]},
    ],
    ids=["anisotropic, mixed units", "turned", "flipped", "sheared"],
)
def test_a_point_lands_where_it_was_clicked(desk, volume, options):
    desk.open(volume, "point", **options)
    desk.viewer.dims.set_point(range(3), data_to_world(desk.viewer, desk.workspace.image, (3, 0, 0)))
    desk.mouse().click((3, 12.25, 20.5))
    (point,) = desk.session.prompt.points
    assert (point.row, point.column) == pytest.approx((12.25, 20.5))
    assert desk.layer("points").data == pytest.approx(np.array([[3, 12.25, 20.5]]))
    assert desk.mask.sum() == 150


def test_the_session_follows_the_slider(desk, volume):
    desk.open(volume)
    desk.viewer.dims.set_point(0, 4)
    assert desk.session.plane == Plane(0, 4)
    assert Plane(0, 4) in desk.segmenter.embedded


def test_a_prompt_on_another_slice_asks(desk, volume):
    desk.open(volume)
    desk.viewer.dims.set_point(0, 2)
    desk.mouse().drag([(2, 8, 13), (2, 22, 32)])
    desk.viewer.dims.set_point(0, 3)
    assert desk.session.prompt.plane == Plane(0, 2)  # looking at another slice loses nothing
    for answer, plane, written in ((Pending.KEEP, 2, 0), (Pending.COMMIT, 3, 150)):
        desk.answers.pending = answer
        desk.mouse().drag([(3, 8, 13), (3, 22, 32)])
        assert desk.session.prompt.plane == Plane(0, plane)
        assert desk.session.labels.sum() == written
        assert desk.layer("boxes").data[0][0, 0] == plane
    assert len(desk.answers.asked) == 2


def test_painting_on_another_slice_asks_too(desk, volume):
    desk.open(volume)
    desk.mouse().drag([(desk.session.plane.index, 8, 13), (desk.session.plane.index, 22, 32)])
    kept = desk.session.prompt
    desk.viewer.dims.set_point(0, 0)
    desk.tools.activate("paint")
    desk.mouse().click((0, 2, 2))
    assert desk.session.prompt == kept and len(desk.answers.asked) == 1
    assert not desk.layer("proposal").data[0].any()
    desk.answers.pending = Pending.DISCARD
    desk.mouse().click((0, 2, 2))
    assert desk.session.prompt.plane == Plane(0, 0)
    assert desk.mask[2, 2]


def test_another_image_with_a_proposal_asks_and_keeps(desk, picture):
    image = desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    other = desk.viewer.add_image(picture[:20], name="other")
    assert not desk.workspace.open(other)
    assert desk.workspace.image is image and desk.mask.sum() == 100
    desk.answers.pending = Pending.COMMIT
    assert desk.workspace.open(other)
    assert "other – labels" in desk.viewer.layers and "scan – labels" not in desk.viewer.layers


def test_coming_back_to_an_image_brings_its_labels_without_a_question(tmp_path, picture):
    desk = Desk(tmp_path)
    image = desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    desk.session.commit()
    other = desk.viewer.add_image(picture[:20], name="other")
    assert desk.workspace.open(other) and not desk.session.labels.any()
    assert desk.workspace.open(image)
    assert desk.session.labels.sum() == 100 and desk.layer("labels").data.sum() == 100
    assert desk.answers.asked == []
    desk.workspace.discard()


@pytest.mark.parametrize("resume", [True, False])
def test_after_a_crash_the_journal_is_offered(tmp_path, picture, resume):
    crashed = Desk(tmp_path)
    crashed.open(picture)
    crashed.mouse().drag([(3, 8), (17, 22)])
    crashed.session.commit()
    crashed.workspace.discard()
    desk = Desk(tmp_path)
    desk.answers.resume = resume
    desk.open(picture)
    assert desk.answers.asked == ["resume"]
    assert desk.layer("labels").data.sum() == (100 if resume else 0)
    desk.workspace.discard()


def test_a_refused_image_leaves_the_open_one(desk, picture):
    image = desk.open(picture)
    labels = desk.viewer.add_labels(np.zeros((40, 50), np.uint8))
    with pytest.raises(GeometryMismatch):
        desk.workspace.open(labels)
    assert desk.workspace.image is image and desk.session.state is State.READY


def test_points_added_moved_and_removed_by_naparis_own_tools(desk, picture):
    desk.open(picture, "point")
    points = desk.layer("points")
    points.add([[10, 15]])
    assert desk.session.prompt.points == (Point(10, 15),)
    assert desk.mask.sum() == 100
    points.feature_defaults = {"sign": "negative"}
    points.add([[30, 40]])
    assert desk.session.prompt.points[1] == Point(30, 40, positive=False)
    points.selected_data = {0}
    points.remove_selected()
    assert desk.session.prompt.points == (Point(30, 40, positive=False),)
    points.selected_data = {0}
    points.remove_selected()
    assert desk.session.prompt is None


def test_shapes_of_naparis_own_tools(desk, picture):
    desk.open(picture)
    desk.layer("boxes").add_rectangles([[3, 8], [17, 22]])
    assert desk.session.prompt.box == Box(3, 8, 17, 22) and desk.mask.sum() == 100
    desk.layer("boxes").add_polygons([[26, 31], [26, 44], [34, 44]])
    assert desk.session.prompt.lasso is not None and desk.session.prompt.box is not None
    desk.layer("scribble").add_paths([[28, 33], [30, 40]])
    assert len(desk.session.prompt.scribbles) == 1


def test_what_the_session_refuses_leaves_the_layers(desk, picture):
    desk.open(picture)
    desk.layer("points").add([[-30, 15]])
    assert "outside" in str(desk.errors[-1])
    assert len(desk.layer("points").data) == 0
    assert desk.session.prompt is None


def test_undo_and_redo_of_prompts_reach_the_layers(desk, picture):
    desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    desk.tools.activate("point")
    desk.mouse().click((10, 15))
    desk.session.undo()
    assert len(desk.layer("points").data) == 0 and desk.layer("boxes").nshapes == 1
    desk.session.undo()
    assert desk.layer("boxes").nshapes == 0 and not desk.layer("proposal").data.any()
    desk.session.redo()
    desk.session.redo()
    assert len(desk.layer("points").data) == 1 and desk.layer("proposal").data.any()


def test_a_stroke_in_the_labels_is_a_step_of_the_session(desk, picture):
    desk.open(picture)
    labels = desk.layer("labels")
    labels.brush_size = 3
    labels.paint((20, 20), 1)
    painted = int(desk.session.labels.sum())
    assert painted > 0
    desk.session.undo()
    assert desk.session.labels.sum() == 0 and labels.data.sum() == 0
    desk.session.redo()
    assert labels.data.sum() == painted


def test_locked_classes_are_not_painted_over(desk, picture):
    desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    desk.session.commit()
    desk.session.update_class(1, locked=True)
    desk.session.add_class("other", 2)
    labels = desk.layer("labels")
    labels.brush_size = 60
    labels.paint((10, 15), 2)
    assert (desk.session.labels == 1).sum() == 100
    assert (desk.session.labels == 2).any()


def test_labels_replaced_as_a_whole_are_taken_over(desk, picture):
    desk.open(picture)
    new = np.zeros((40, 50), np.uint16)
    new[:3] = 1
    desk.layer("labels").data = new
    assert desk.session.labels[0, :3].all() and desk.session.labels.sum() == 150
    assert np.shares_memory(desk.layer("labels").data, desk.session.labels)
    desk.session.undo()
    assert desk.session.labels.sum() == 0


def test_protected_voxels_stay(desk, picture):
    desk.open(picture)
    desk.session.labels[0, 5:15, 10:15] = 1
    desk.session.add_class("other", 2)
    desk.session.set_active(2)
    desk.mouse().drag([(3, 8), (17, 22)])
    result = desk.session.commit()
    assert (result.written, result.protected) == (50, 50)


def test_the_window_goes_both_ways(desk, volume):
    image = desk.open(volume)
    desk.session.set_window(Window(10, 150, "Custom"))
    assert image.contrast_limits == [10, 150]
    image.contrast_limits = (20, 220)
    assert desk.session.volume.window.low == 10  # until the slider rests
    desk.workspace.take_window()
    assert (desk.session.volume.window.low, desk.session.volume.window.high) == (20, 220)


def test_colours_of_classes_reach_the_layers(desk, picture):
    desk.open(picture)
    desk.session.update_class(1, colour="#112233")
    colours = desk.layer("labels").colormap.color_dict
    assert np.round(colours[1] * 255).astype(int).tolist() == [0x11, 0x22, 0x33, 255]
    assert np.round(desk.layer("proposal").colormap.color_dict[2] * 255).astype(int)[0] == 0x11


def test_a_time_point_is_opened_and_others_are_refused(desk, volume):
    series = np.stack([np.zeros_like(volume), volume, np.zeros_like(volume)])
    image = desk.viewer.add_image(series, name="scan")
    desk.viewer.dims.set_point(0, 1)
    desk.viewer.dims.set_point(1, 3)
    desk.workspace.open(image)
    desk.tools.activate("box")
    desk.mouse().drag([(1, 3, 8, 13), (1, 3, 22, 32)])
    assert desk.mask.sum() == 150 and desk.layer("labels").ndim == 3
    desk.viewer.dims.set_point(0, 2)
    desk.mouse().drag([(2, 3, 8, 13), (2, 3, 22, 32)])
    assert "was opened at 1" in str(desk.errors[-1])


def test_an_empty_prompt_of_a_refused_kind_is_a_sentence(picture):
    desk = Desk()
    desk.segmenter.card = desk.segmenter.card.model_copy(update={"capabilities": frozenset({"box"})})
    desk.open(picture, "point")
    desk.mouse().click((10, 15))
    assert desk.errors and len(desk.layer("points").data) == 0
    desk.mouse().hover((10, 15))
    assert desk.session.preview is None


def test_proposals_wait_for_a_model(picture):
    desk = Desk()
    desk.session.set_segmenter(None)
    desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    assert desk.session.prompt == Prompt(Plane(0, 0), box=Box(3, 8, 17, 22))
    desk.session.set_segmenter(desk.segmenter)
    assert desk.mask.sum() == 100
    assert (desk.layer("proposal").data > 0).sum() == 100


def test_another_image_takes_the_layers_over(desk, picture):
    first = desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    desk.session.commit()
    desk.layer("proposal").paint((30, 5), 1)
    before = desk.workspace.layers.all
    other = desk.viewer.add_image(np.rot90(picture), name="other", scale=(2, 3))
    desk.answers.pending = Pending.DISCARD
    assert desk.workspace.open(other)
    assert desk.workspace.layers.all == before
    names = [layer.name for layer in desk.viewer.layers]
    assert names == ["scan", "other", *(f"other – {kind}" for kind in KINDS)]
    labels, proposal, _, boxes, _ = before
    assert labels.data.shape == proposal.data.shape == other.data.shape
    assert not labels.data.any() and not proposal.data.any() and not boxes.nshapes
    assert all(np.array_equal(layer.scale, other.scale) for layer in before)
    first.scale, first.name = (7, 7), "elsewhere"  # nobody follows it any more
    assert labels.name == "other – labels" and tuple(labels.scale) == (2, 3)
    proposal.undo()  # napari's own: the stroke in the other image is forgotten
    assert not proposal.data.any() and not desk.session.labels.any()


def test_strokes_and_prompts_go_to_the_image_that_is_open(desk, picture):
    desk.open(picture)
    other = desk.viewer.add_image(picture[::-1].copy(), name="other")
    desk.workspace.open(other)
    desk.tools.activate("box")
    desk.mouse().drag([(22, 8), (37, 22)])
    assert desk.mask.sum() == 100
    labels = desk.workspace.layers.result.layer
    labels.paint((2, 2), 1)
    assert desk.session.can_undo and desk.session.labels[0, 2, 2] == 1
    desk.session.undo()
    assert labels.data[2, 2] == 0


def test_an_image_of_other_dimensions_gets_layers_of_its_own(desk, picture, volume):
    desk.open(picture)
    before = desk.workspace.layers.all
    other = desk.viewer.add_image(volume, name="other")
    desk.workspace.open(other)
    assert not set(before) & set(desk.viewer.layers)
    assert [layer.name for layer in desk.viewer.layers][2:] == [f"other – {kind}" for kind in KINDS]
    assert desk.workspace.layers.result.layer.ndim == 3


def test_prompts_that_wait_to_be_drawn_do_not_appear_over_another_image(desk, picture):
    waiting = []
    desk.workspace.later = _Waiting(waiting)
    desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    assert waiting
    desk.answers.pending = Pending.DISCARD
    other = desk.viewer.add_image(picture[::-1].copy(), name="other")
    assert desk.workspace.open(other)
    for draw in waiting:
        draw()
    assert not desk.workspace.layers.prompts.boxes.nshapes


class _Waiting:
    """Keeps what is to be drawn until a test draws it."""

    def __init__(self, waiting):
        self._waiting = waiting

    def __call__(self, action):
        self._waiting.append(action)

    def soon(self):
        pass
