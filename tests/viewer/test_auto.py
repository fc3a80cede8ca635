"""The Auto tab in a real window, used as a user does: keys, table, mouse."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_medkd.models.card import Target
from napari_medkd.session.suggestion import Status
from tests.doubles import PROMPTS, ThresholdSegmenter
from tests.seeing import Seeing, nuclei
from tests.viewer.window import CONTROL, LEFT, SHIFT, Window


@pytest.fixture
def window(make_napari_viewer, qtbot) -> Window:
    return Window(make_napari_viewer(show=True), qtbot, load=lambda *_: Seeing())


def looked(window, where="") -> object:
    """Press the key, wait for the suggestions; returns the panel."""
    page = window.dock.tabs["Auto"].page
    if where:
        window.dock.panel.show_tab("Auto")
        page._look.look(where)
    else:
        window.key(Qt.Key.Key_A, SHIFT)
    window.until(
        lambda: len(window.session.suggestions.all) > 0 and not window.session.suggestions.is_looking
    )
    window.settle()
    return page


def test_one_key_suggests_enter_accepts_delete_rejects(window):
    image = window.open(nuclei().data[2], scale=(0.5, 0.5), translate=(3, 4))
    window.dock.panel.show_tab("Segment")
    page = looked(window)
    assert page.isVisible() and page.review.table.rows.rowCount() == 3
    layer = window.viewer.layers["scan – suggestions"]
    np.testing.assert_array_equal(layer.scale, image.scale)
    image.translate = (7, 8)
    np.testing.assert_array_equal(layer.translate, image.translate)
    assert set(np.unique(layer.data)) >= {0, 1, 2} and window.viewer.layers.selection.active is not layer
    window.key(Qt.Key.Key_Return)  # nothing is chosen: the least sure one is shown first
    first = page.review.table.current
    assert first is not None and not window.session.labels.any()
    assert (layer.data == 7).any(), "the chosen one stands out"
    window.key(Qt.Key.Key_Return)
    assert window.session.labels.sum() > 0 and page.review.table.current is not first
    window.key(Qt.Key.Key_Delete)
    statuses = [window.session.suggestions.status(one.key) for one in window.session.suggestions.all]
    assert sorted(status.value for status in statuses) == ["Accepted", "New", "Rejected"]
    window.key(Qt.Key.Key_Z, CONTROL)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert len(window.session.suggestions.new) == 3 and not window.session.labels.any()
    window.viewer.layers.remove(layer)
    assert window.session.suggestions.all == () and page.review.table.rows.rowCount() == 0


def test_the_kind_of_image_and_how_sure_it_is_are_there_to_be_read(make_napari_viewer, qtbot):
    kinds = {"colonoscopy": 0.78, "microscopy": 0.22}
    knowing = Seeing(targets=tuple(Target(name="thing", modality=kind) for kind in kinds), kinds=kinds)
    window = Window(make_napari_viewer(show=True), qtbot, load=lambda *_: knowing)
    window.open(nuclei().data[2])
    chooser = looked(window)._look._kind
    assert chooser.itemText(0) == "colonoscopy, 78% (automatic)"
    assert chooser.fontMetrics().horizontalAdvance("colonoscopy, 78%") < chooser.width() - chooser.height()


def test_a_suggestion_is_corrected_by_a_click_with_the_control_key_and_the_brush(window):
    window.open(nuclei().data[2])
    looked(window)
    window.click((36, 12), LEFT, CONTROL)
    window.until(lambda: window.session.proposal is not None)
    assert window.mask().sum() == 113 and window.mask()[36, 12]
    window.key(Qt.Key.Key_D)
    window.drag([(24, 20), (24, 24), (24, 28)])
    assert window.mask().sum() > 113
    window.key(Qt.Key.Key_Return)
    assert window.session.labels[0, 24, 24] and len(window.session.suggestions.new) == 2


def test_choosing_flies_through_a_volume_and_all_are_accepted_at_once(window):
    window.open(nuclei().data)
    window.viewer.dims.set_point(0, 0)
    page = looked(window, "volume")
    window.until(lambda: len(window.session.suggestions.all) == 3)
    table = page.review.table
    zoom = window.viewer.scene.camera.zoom
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert window.session.plane.index == 2 and window.viewer.scene.camera.zoom == zoom
    window.viewer.scene.camera.zoom, window.viewer.scene.camera.center = 40, (0, 0, 60)
    window.key(Qt.Key.Key_BracketRight)
    assert window.viewer.scene.camera.center[1:] != (0, 60)
    page.review._lowest.set_value(0.0)
    page.review._on_changed()
    page.review._all.click()
    assert {window.session.suggestions.status(one.key) for one in window.session.suggestions.all} == {
        Status.ACCEPTED
    }
    assert len(window.session.objects) == 3
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not window.session.objects


@pytest.mark.parametrize(("zoom", "wanted"), [(300, 0.8), (0.4, 0.12)])
def test_what_is_too_large_or_too_small_to_be_judged_is_brought_to_a_good_size(window, zoom, wanted):
    window.open(nuclei().data[2])
    looked(window)
    viewer = window.viewer
    viewer.scene.camera.zoom = zoom
    window.key(Qt.Key.Key_BracketRight)
    rows, columns = window.session.suggestions.all[0].main.piece.pixels.shape
    shares = np.array([rows, columns]) * viewer.scene.camera.zoom / np.array(viewer.canvas.size)
    assert max(shares) == pytest.approx(wanted, rel=0.01)


def test_all_open_images_are_looked_at_and_opened_one_after_the_other(make_napari_viewer, qtbot):
    window = Window(make_napari_viewer(show=True), qtbot, load=lambda *_: Seeing(PROMPTS))
    other = nuclei().data[2].copy()
    other[:24] = 20
    second = window.viewer.add_image(other, name="second")
    image = window.open(nuclei().data[2])
    page = looked(window, "images")
    window.until(lambda: page._others.isVisible() and "2 left in 1 other" in page._others.text())
    page._others.click()
    assert window.dock.workspace.image is second and not image.visible
    assert len(window.session.suggestions.all) == 2
    page.review._none.click()
    assert window.session.suggestions.new == ()


def test_one_model_looks_and_another_answers_clicks(make_napari_viewer, qtbot):
    loaded = []

    def load(model_id, progress):
        loaded.append(Seeing(id=model_id) if model_id == "medkd-auto" else ThresholdSegmenter(id=model_id))
        return loaded[-1]

    window = Window(make_napari_viewer(show=True), qtbot, load=load)
    window.open(nuclei().data[2])
    assert [one.card.id for one in loaded] == ["medkd-fast"]
    page = looked(window)
    assert page._look.looker.model_id == "medkd-auto" and window.session.segmenter is loaded[0]
    looked(window)
    assert [one.card.id for one in loaded] == ["medkd-fast", "medkd-auto"]
    window.click((36, 12), LEFT, CONTROL)
    window.until(lambda: window.session.proposal is not None)
    window.dock.panel.segment.set_tool("point")
    window.dock.tools.activate("point")
    window.click((12, 12))
    window.until(lambda: window.session.proposal.prediction.model_id == "medkd-fast")
    assert loaded[0].previous[-1] is not None
    window.dock.shut()
    assert all(one.closed for one in loaded)
