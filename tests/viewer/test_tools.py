"""The mouse, on a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.prompts import Box, Point
from napari_medkd.session.state import Pending, State
from tests.viewer.mouse import LEFT, RIGHT


def test_a_dragged_box_gives_a_mask_and_the_camera_stays(desk, picture):
    desk.open(picture)
    event = desk.mouse().drag([(3, 8), (10, 15), (17, 22)])
    assert event.handled
    assert desk.session.prompt.box == Box(3, 8, 17, 22)
    assert desk.mask.sum() == 100 and desk.mask[5:15, 10:20].all()
    assert desk.layer("boxes").nshapes == 1
    assert (desk.layer("proposal").data > 0).sum() == 100


def test_a_box_may_be_dragged_from_any_corner_and_over_the_edge(desk, picture):
    desk.open(picture)
    desk.mouse().drag([(60, 70), (20, 28)])
    assert desk.session.prompt.box == Box(20, 28, 39, 49)
    assert desk.mask.sum() == 150


def test_a_box_outside_the_image_is_a_sentence(desk, picture):
    desk.open(picture)
    desk.mouse().drag([(60, 70), (90, 90)])
    assert "outside the image" in str(desk.errors[-1])
    assert desk.session.prompt is None
    assert desk.layer("boxes").nshapes == 0


def test_a_click_with_the_box_tool_is_a_sentence(desk, picture):
    desk.open(picture)
    desk.mouse().click((10, 10))
    assert "only clicked" in str(desk.errors[-1])


def test_left_is_inside_and_right_or_alt_is_outside(desk, picture):
    desk.open(picture, "point")
    mouse = desk.mouse()
    mouse.click((10, 15))
    mouse.click((30, 40), RIGHT)
    mouse.click((20, 25), LEFT, ("Alt",))
    signs = [(p.row, p.column, p.positive) for p in desk.session.prompt.points]
    assert signs == [(10, 15, True), (30, 40, False), (20, 25, False)]
    assert list(desk.layer("points").features["sign"]) == ["positive", "negative", "negative"]
    assert desk.mask.sum() == 100


def test_a_drag_with_the_point_tool_pans_and_prompts_nothing(desk, picture):
    desk.open(picture, "point")
    event = desk.mouse().drag([(10, 15), (12, 17), (20, 30)])
    assert not event.handled
    assert desk.session.prompt is None


def test_a_click_outside_the_image_is_a_sentence(desk, picture):
    desk.open(picture, "point")
    desk.mouse().click((-20, 10))
    assert "outside the image" in str(desk.errors[-1])
    assert len(desk.layer("points").data) == 0


def test_a_point_is_dragged_and_asked_again(desk, picture):
    desk.open(picture, "point")
    mouse = desk.mouse()
    mouse.click((10, 15))
    desk.viewer.scene.camera.zoom = 4  # at zoom 1 a grasp of 9 screen pixels would reach half the picture
    mouse.drag([(10.5, 15.2), (20, 25), (30, 40)])
    assert desk.session.prompt.points == (Point(30, 40),)
    assert desk.mask.sum() == 150
    assert desk.layer("points").selected_data == {0}


def test_a_selected_point_is_deleted_alone(desk, picture):
    desk.open(picture, "point")
    desk.viewer.scene.camera.zoom = 4
    mouse = desk.mouse()
    mouse.click((10, 15))
    mouse.click((30, 40))
    assert desk.mask.sum() == 250
    mouse.click((10, 15))
    assert desk.tools.delete_selected_point()
    assert desk.session.prompt.points == (Point(30, 40),)
    assert desk.mask.sum() == 150
    assert not desk.tools.delete_selected_point()


def test_shift_drag_is_a_box_in_any_tool(desk, picture):
    desk.open(picture, "point")
    for tool in ("point", "paint", "move", "scribble"):
        desk.tools.activate(tool)
        desk.mouse().drag([(3, 8), (17, 22)], LEFT, ("Shift",))
        assert desk.session.prompt.box == Box(3, 8, 17, 22), tool
        desk.session.discard()
    assert str(desk.layer("proposal").mode) == "pan_zoom"


def test_shift_drag_leaves_the_brush_as_it_was(desk, picture):
    desk.open(picture, "paint")
    desk.mouse().drag([(3, 8), (17, 22)], LEFT, ("Shift",))
    assert str(desk.layer("proposal").mode) == "paint"
    assert desk.session.prompt.edits is None


def test_scribbles_with_both_signs(desk, picture):
    desk.open(picture, "scribble")
    desk.mouse().drag([(7, 12), (9, 15), (12, 18)])
    desk.mouse().drag([(28, 33), (30, 40)], RIGHT)
    strokes = desk.session.prompt.scribbles
    assert [stroke.positive for stroke in strokes] == [True, False]
    assert strokes[0].path == ((7, 12), (9, 15), (12, 18))
    assert desk.layer("scribble").nshapes == 2
    assert desk.mask.sum() == 100


def test_a_lasso(desk, picture):
    desk.open(picture, "lasso")
    desk.mouse().drag([(6, 11), (6, 18), (13, 18), (13, 11)])
    assert len(desk.session.prompt.lasso.path) == 4
    assert desk.layer("boxes").shape_type == ["polygon"]


def test_control_click_reopens_and_the_tool_stays_armed(desk, picture):
    desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    desk.session.commit()
    assert desk.tools.tool == "box" and desk.session.state is State.COMMITTED
    desk.mouse().click((10, 15), LEFT, ("Control",))
    assert desk.session.proposal.object_id is not None
    assert desk.session.prompt.box == Box(3, 8, 17, 22)
    assert desk.layer("boxes").nshapes == 1


def test_control_click_on_nothing_is_a_sentence(desk, picture):
    desk.open(picture)
    desk.mouse().click((30, 5), LEFT, ("Control",))
    assert "No committed object" in str(desk.errors[-1])


@pytest.mark.parametrize(("answer", "left"), [(Pending.KEEP, 100), (Pending.COMMIT, 150)])
def test_reopening_asks_about_the_proposal(desk, picture, answer, left):
    desk.open(picture)
    desk.mouse().drag([(22, 28), (38, 48)])
    desk.session.commit()
    desk.mouse().drag([(3, 8), (17, 22)])
    desk.answers.pending = answer
    desk.mouse().click((30, 40), LEFT, ("Control",))
    assert len(desk.answers.asked) == 1
    assert desk.mask.sum() == left


def test_the_delete_tool_takes_one_or_many(desk, picture):
    desk.open(picture)
    for box in ([(3, 8), (17, 22)], [(22, 28), (38, 48)]):
        desk.mouse().drag(box)
        desk.session.commit()
    desk.tools.activate("delete")
    desk.mouse().click((10, 15))
    assert desk.session.labels.sum() == 150
    desk.session.undo()
    desk.mouse().drag([(2, 2), (39, 49)])
    assert desk.session.labels.sum() == 0
    desk.session.undo()
    assert desk.session.labels.sum() == 250


def test_x_deletes_what_is_under_the_pointer(desk, picture):
    desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    desk.session.commit()
    desk.mouse().hover((10, 15))
    desk.tools.delete_under_pointer()
    assert desk.session.labels.sum() == 0
    desk.tools.delete_under_pointer()
    assert "No committed object" in str(desk.errors[-1])


def test_another_layer_selected_means_hands_off(desk, picture):
    desk.open(picture)
    desk.viewer.layers.selection.active = desk.viewer.add_points([(1, 1)], name="mine")
    event = desk.mouse().drag([(3, 8), (17, 22)])
    assert not event.handled and desk.session.prompt is None


def test_space_held_pans(desk, picture):
    desk.open(picture)
    desk.tools.suspend(True)
    assert not desk.mouse().drag([(3, 8), (17, 22)]).handled
    desk.tools.suspend(False)
    assert desk.mouse().drag([(3, 8), (17, 22)]).handled


def test_the_paint_tool_takes_the_brush_of_the_proposal(desk, picture):
    desk.open(picture, "paint")
    assert desk.viewer.layers.selection.active is desk.layer("proposal")
    desk.layer("proposal").brush_size = 3
    desk.mouse().drag([(20, 20), (20, 24)])
    assert desk.mask.any() and desk.mask[20, 22]
    painted = desk.mask.sum()
    desk.tools.activate("erase")
    desk.layer("proposal").brush_size = 1
    desk.mouse().click((20, 22))
    assert desk.mask.sum() == painted - 1
    desk.session.undo()
    assert desk.mask.sum() == painted
    assert ((desk.layer("proposal").data > 0) == desk.mask).all()


def test_a_3d_view_is_refused_with_a_sentence(desk, volume):
    desk.open(volume)
    desk.viewer.dims.ndisplay = 3
    desk.workspace.act(lambda: desk.workspace.locate((0, 0, 0)))
    assert "2-D view" in str(desk.errors[-1])


def test_hovering_outlines_what_a_click_would_give(desk, picture):
    desk.open(picture, "point")
    desk.mouse().hover((10, 15))
    assert desk.session.preview.masks[0].sum() == 100
    outline = desk.layer("proposal").data == 3
    assert outline[5, 10] and not outline[10, 15]
    desk.mouse().hover((-5, 15))
    assert not desk.layer("proposal").data.any()
    assert desk.session.prompt is None and not desk.session.can_undo


def test_a_box_is_outlined_while_it_is_dragged(desk, picture):
    desk.open(picture)
    seen = []
    desk.session.preview_changed.connect(lambda preview: seen.append(preview))
    desk.mouse().drag([(3, 8), (10, 15), (17, 22)])
    assert [p.prompt.box.bottom for p in seen if p is not None] == [10, 17]
    assert not (desk.layer("proposal").data == 3).any()
    assert np.count_nonzero(desk.layer("proposal").data) == 100
