"""The dock in a real window, with real mouse and key events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QLineEdit

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import ModelUnavailable
from napari_medkd.session.state import Pending, State
from napari_medkd.viewer import afterwards
from napari_medkd.viewer.dock import MedkdDock
from tests.doubles import ThresholdSegmenter
from tests.viewer.conftest import Answers
from tests.viewer.window import ALT, CONTROL, LEFT, RIGHT, SHIFT, Window


@pytest.fixture
def window(make_napari_viewer, qtbot) -> Window:
    return Window(make_napari_viewer(show=True), qtbot)


def near(box: Any, expected: tuple[float, ...], tolerance: float = 0.5) -> bool:
    return np.allclose((box.top, box.left, box.bottom, box.right), expected, atol=tolerance)


def test_the_first_tool_is_the_point(window, picture):
    window.viewer.add_image(picture)
    window.until(lambda: window.dock.tools.tool == "point")
    window.settle()
    window.click((10, 15))
    assert window.mask().sum() == 100 and window.session.prompt.points


def test_a_box_gives_a_mask_commit_undo_redo_by_keys(window, picture):
    window.open(picture)
    zoom = window.viewer.scene.camera.zoom, window.viewer.scene.camera.center
    window.drag([(3, 8), (10, 15), (17, 22)])
    assert window.mask().sum() == 100
    assert near(window.session.prompt.box, (3, 8, 17, 22))
    assert (window.viewer.scene.camera.zoom, window.viewer.scene.camera.center) == zoom
    window.key(Qt.Key.Key_C)
    assert window.session.labels.sum() == 100 and window.session.state is State.COMMITTED
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.session.labels.sum() == 0 and window.session.state is State.PROPOSAL
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert window.session.labels.sum() == 100
    window.drag([(22, 28), (30, 40), (38, 48)])
    assert window.mask().sum() == 150
    window.key(Qt.Key.Key_Escape)
    assert window.session.prompt is None
    window.click((10, 15), LEFT, CONTROL)
    assert window.session.proposal.object_id is not None


def test_a_model_that_works_by_itself_suggests_by_a_key(make_napari_viewer, qtbot, picture):
    window = Window(
        make_napari_viewer(show=True),
        qtbot,
        load=lambda *_: ThresholdSegmenter(capabilities=frozenset({"auto"})),
    )
    window.open(picture)
    assert window.dock.tools.tool == "move"
    window.key(Qt.Key.Key_A)
    window.until(lambda: window.session.proposal is not None)
    assert window.mask().sum() == 250
    window.key(Qt.Key.Key_D)
    window.drag([(20, 10), (20, 15), (20, 20)])
    assert window.mask()[20, 15]
    window.key(Qt.Key.Key_C)
    assert window.session.labels.sum() > 250


def test_points_by_both_buttons_and_a_moved_one(window, picture):
    window.open(picture)
    window.key(Qt.Key.Key_P)
    window.click((10, 15))
    assert window.mask().sum() == 100
    window.click((20, 25), RIGHT)
    window.click((2, 2), LEFT, ALT)
    window.until(lambda: len(window.session.prompt.points) == 3)
    assert [point.positive for point in window.session.prompt.points] == [True, False, False]
    window.drag([(10, 15), (20, 30), (30, 40)])
    window.until(lambda: window.session.proposal is not None and window.session.proposal.mask.sum() == 150)
    QTest.keyClick(window.canvas.native, Qt.Key.Key_Delete)
    assert len(window.session.prompt.points) == 2


def test_a_point_is_moved_before_it_is_drawn(window, picture, monkeypatch):
    monkeypatch.setattr(afterwards, "_LONGEST_MS", 60_000)
    monkeypatch.setattr(afterwards, "_FRAME_MS", 60_000)
    window.open(picture)
    window.key(Qt.Key.Key_P)
    window.click((10, 15))
    assert window.mask().sum() == 100 and not len(window.dock.workspace.layers.prompts.points.data)
    window.drag([(10, 15), (20, 30), (30, 40)])
    window.until(lambda: window.session.proposal is not None and window.session.proposal.mask.sum() == 150)
    assert len(window.session.prompt.points) == 1


def test_painting_with_the_brush(window, picture):
    window.open(picture)
    window.key(Qt.Key.Key_D)
    window.drag([(20, 10), (20, 15), (20, 20)])
    assert window.mask()[20, 15]
    window.key(Qt.Key.Key_E)
    before = window.mask().sum()
    window.drag([(20, 14), (20, 15)])
    assert window.mask().sum() < before
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.mask().sum() == before
    window.key(Qt.Key.Key_Return)
    assert window.session.labels.sum() == before


def test_hovering_outlines_and_h_stops_it(window, picture):
    window.open(picture)
    window.key(Qt.Key.Key_P)
    window.until(lambda: window.session.state is State.READY)
    window.move((10, 15))
    window.until(lambda: window.session.preview is not None)
    assert (window.viewer.layers["scan – proposal"].data == 3).any()
    window.key(Qt.Key.Key_H)
    assert window.session.preview is None


def test_shift_drag_and_space(window, picture):
    window.open(picture)
    window.key(Qt.Key.Key_P)
    window.drag([(3, 8), (10, 15), (17, 22)], LEFT, SHIFT)
    assert window.mask().sum() == 100
    window.key(Qt.Key.Key_Escape)
    center = window.viewer.scene.camera.center
    QTest.keyPress(window.canvas.native, Qt.Key.Key_Space)
    window.drag([(10, 15), (14, 19), (20, 25)])
    QTest.keyRelease(window.canvas.native, Qt.Key.Key_Space)
    assert window.session.prompt is None
    assert window.viewer.scene.camera.center != center


def test_the_slice_on_the_screen_is_the_slice_that_is_segmented(window, volume):
    window.open(volume, scale=(3, 0.5, 0.5), units=("mm",) * 3)
    window.viewer.dims.set_current_step(0, 2)
    window.until(lambda: window.session.plane == Plane(0, 2))
    window.drag([(2, 8, 13), (2, 15, 20), (2, 22, 32)])
    assert window.mask().sum() == 150
    window.key(Qt.Key.Key_C)
    assert window.session.labels[2].sum() == 150 and window.session.labels.sum() == 150
    window.viewer.dims.order = (1, 0, 2)
    window.viewer.reset_view()
    window.settle()
    y = window.session.plane.index
    assert window.session.plane.axis == 1
    window.drag([(0, y, 13), (3, y, 20), (5, y, 32)])
    assert (window.mask() == (volume[:, y] > 100)).all()


def test_what_is_on_the_canvas_is_not_black_and_shows_the_mask(window, picture):
    window.open(picture)
    before = window.picture()
    assert before[..., :3].max() > 100
    window.drag([(3, 8), (10, 15), (17, 22)])
    window.mask()
    window.settle()
    after = window.picture()
    place = window.place((10, 15))
    ratio = window.canvas.native.devicePixelRatioF()
    row, column = round(place.y() * ratio), round(place.x() * ratio)
    assert (before[row, column] != after[row, column]).any()
    red, green, blue = after[row, column, :3].astype(int)
    assert max(red, green, blue) - min(red, green, blue) > 20  # grey before, of the class's colour now


def test_undo_is_ours_whichever_layer_is_selected(window, picture):
    window.open(picture)
    for kind in ("labels", "proposal", "scribble", "boxes", "points", ""):
        window.drag([(3, 8), (10, 15), (17, 22)])
        window.mask()
        window.viewer.layers.selection.active = window.viewer.layers[f"scan – {kind}" if kind else "scan"]
        window.key(Qt.Key.Key_Z, CONTROL)
        assert window.session.prompt is None, kind


def test_text_fields_keep_their_keys(window, picture):
    window.open(picture)
    window.drag([(3, 8), (10, 15), (17, 22)])
    window.mask()
    field = QLineEdit(window.dock)
    field.show()
    QTest.keyClicks(field, "cxz")
    assert field.text() == "cxz"
    assert window.session.proposal is not None and window.session.labels.sum() == 0


def test_a_model_that_fails_to_load_is_a_sentence_and_another_can_be_chosen(
    make_napari_viewer, qtbot, picture
):
    def load(model_id, progress):
        if model_id != "other":
            raise ModelUnavailable("The weights are damaged.", "Install it again.")
        return ThresholdSegmenter(id=model_id)

    viewer = make_napari_viewer(show=True)
    viewer.add_image(picture, name="scan")
    dock = MedkdDock(viewer, asker=Answers(), load=load)
    viewer.window.add_dock_widget(dock, name="MedKD")
    qtbot.waitUntil(lambda: dock.session.state is State.ERROR, timeout=10000)
    assert "damaged" in str(dock.session.error)
    dock.panel.segment.model_chosen.emit("other")
    qtbot.waitUntil(lambda: dock.session.state is State.READY, timeout=10000)
    assert dock.session.segmenter.card.id == "other"


def test_choosing_an_image_in_the_panel_asks_about_the_proposal(window, picture):
    image = window.open(picture)
    window.drag([(3, 8), (10, 15), (17, 22)])
    window.mask()
    window.viewer.add_image(picture[:20], name="other")
    window.settle()
    assert window.dock.workspace.image is image
    window.answers.pending = Pending.KEEP
    window.dock.panel.segment.image_chosen.emit("other")
    assert window.dock.workspace.image is image and len(window.answers.asked) == 1
    window.answers.pending = Pending.COMMIT
    window.dock.panel.segment.image_chosen.emit("other")
    assert window.dock.workspace.image is window.viewer.layers["other"]


def test_saving_asks_where_and_writes(window, picture, tmp_path):
    window.open(picture)
    window.drag([(3, 8), (10, 15), (17, 22)])
    window.mask()
    window.key(Qt.Key.Key_C)
    proposed = []
    window.dock._choose_path = lambda path: proposed.append(path) or tmp_path / "mask.png"
    window.dock.save()
    assert proposed[0].name == "scan_labels.png"
    assert (tmp_path / "mask.png").is_file() and not window.session.unsaved


def test_closing_the_dock_gives_everything_back(window, picture):
    image = window.open(picture)
    keys = dict(image.keymap)
    window.viewer.window.remove_dock_widget(window.dock)
    window.settle()
    assert [layer.name for layer in window.viewer.layers] == ["scan"]
    assert image.keymap != keys and not image.keymap
    assert window.viewer.mouse_drag_callbacks == [
        callback for callback in window.viewer.mouse_drag_callbacks if "medkd" not in callback.__module__
    ]
    image.contrast_limits = (3, 99)
    image.scale = (2, 2)  # nobody follows any more


def test_closing_the_dock_with_a_proposal_keeps_it_if_wanted(window, picture):
    window.open(picture)
    window.drag([(3, 8), (10, 15), (17, 22)])
    window.mask()
    window.answers.pending = Pending.KEEP
    window.viewer.window.remove_dock_widget(window.dock)
    window.settle()
    assert window.dock.isVisible() and window.session.proposal is not None
    window.answers.pending = Pending.DISCARD


def test_closing_the_window_with_a_proposal_asks(window, picture):
    window.open(picture)
    window.drag([(3, 8), (10, 15), (17, 22)])
    window.mask()
    window.answers.pending = Pending.KEEP
    window.viewer.window._qt_window.close()
    assert window.viewer.window._qt_window.isVisible() and len(window.answers.asked) == 1
    window.answers.pending = Pending.DISCARD


def test_two_viewers_are_two_sessions(make_napari_viewer, qtbot, picture):
    one, two = (Window(make_napari_viewer(show=True), qtbot) for _ in range(2))
    one.open(picture)
    two.open(picture[::-1].copy())
    one.drag([(3, 8), (10, 15), (17, 22)])
    assert one.mask().sum() == 100
    assert two.session.prompt is None and two.session.labels.sum() == 0


def test_npe2_makes_the_widget(make_napari_viewer, qtbot, picture, monkeypatch):
    monkeypatch.setattr("napari_medkd.viewer.model_loader._load", lambda *_: ThresholdSegmenter())
    viewer = make_napari_viewer(show=True)
    viewer.add_image(picture, name="scan")
    _, dock = viewer.window.add_plugin_dock_widget("napari-medkd", "Segment & correct (MedKD)")
    qtbot.waitUntil(lambda: dock.session.state is State.READY, timeout=10000)
    assert "scan – labels" in viewer.layers
    assert QApplication.activeModalWidget() is None


def test_the_panel_takes_the_height_of_the_window(window, picture):
    window.open(picture)
    docked = window.dock.parent()
    assert window.dock.panel.height() > 0.9 * docked.height()


def test_a_model_that_runs_otherwise_than_wanted_says_so(make_napari_viewer, qtbot):
    segmenter = ThresholdSegmenter()
    segmenter.fallback = "The GPU cannot be used: no driver. The CPU is used instead."
    window = Window(make_napari_viewer(show=True), qtbot, load=lambda *_: segmenter)
    badge = next(label for label in window.dock.findChildren(QLabel) if label.text() == "Fallback")
    assert badge.isVisible() and badge.toolTip() == segmenter.fallback
