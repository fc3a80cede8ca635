"""The whole round in a real window: correct three images, start, look, use the new model, go back."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QCheckBox, QComboBox

from napari_medkd import runs
from napari_medkd.corrections import places
from napari_medkd.settings import Settings
from napari_medkd.widgets.comparison_sheet import ComparisonSheet
from tests.corrections.made import make
from tests.doubles import ThresholdSegmenter
from tests.viewer.window import Window

OLD, NEW = 250, 128  # thresholds: the model in use sees the bright core only, the new one all of it


def press(window, widget, name):
    (button,) = [one for one in widget.findChildren(QAbstractButton) if one.accessibleName() == name]
    window.until(lambda: button.isVisible() and button.isEnabled())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def window(make_napari_viewer, qtbot, monkeypatch) -> Window:
    monkeypatch.setattr(runs, "start", partial(runs.start, module="tests.viewer.tiny_run"))

    def load(model_id, say):
        return ThresholdSegmenter(threshold=OLD if model_id == "medkd-fast" else NEW, id=model_id)

    return Window(make_napari_viewer(show=True), qtbot, load=load)


@pytest.fixture
def folder(tmp_path):
    """Three pictures, each with a grey square that has a white core, and a file that is cut off."""
    for place in range(3):
        data = np.zeros((40, 50), np.uint8)
        data[10 + place : 26 + place, 12:32] = 180
        data[16 + place : 20 + place, 20:26] = 255
        Image.fromarray(data).save(tmp_path / f"{place}.png")
    (tmp_path / "1-broken.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    return tmp_path


def commit(window):
    """Draw a box around the object, let the brush add what the model missed, and commit."""
    window.settle()
    window.dock.panel.segment.set_tool("box")
    window.dock.tools.activate("box")
    window.drag([(8, 10), (20, 20), (30, 34)])
    window.until(lambda: window.session.proposal is not None)
    window.session.paint(np.asarray(window.session.volume.data[0] > 100), True)
    window.key(Qt.Key.Key_C)
    assert window.session.labels.sum() == 320


def test_from_three_corrections_to_a_better_model_and_back(window, folder):
    panel, learn, cases = window.dock.panel, window.dock.tabs["Learn"].page, window.dock.tabs["Cases"].page
    panel.show_tab("Learn")
    learn.corrections.findChild(QCheckBox).click()
    panel.show_tab("Cases")
    cases.work_through(folder)
    window.until(lambda: len(cases.cases.rows) == 4, 90)  # the first thread imports a database
    for name in ("0.png", "1.png", "2.png"):
        press(window, cases, "Next" if cases.open_case.case is None else "Done, next")
        window.until(lambda name=name: bool(cases.open_case.case) and cases.open_case.case.name == name)
        commit(window)
    press(window, cases, "Done, next")
    assert cases.cases.row_of("1-broken.png").note.state == "failed"
    assert len(list(cases.open_case.masks.glob("*.png"))) == 3

    panel.show_tab("Learn")
    window.until(lambda: "3 objects on 3 slices of 3 cases" in learn.corrections.text)
    press(window, learn, "Start")
    window.until(learn.verdict.isVisible)
    assert len(learn.training.curves.loss.lines["loss"].steps) == 6
    press(window, learn.verdict, "Compare…")
    (sheet,) = learn.verdict.findChildren(ComparisonSheet)
    assert window.session.segmenter.card.id == "medkd-fast"
    press(window, sheet, "Use new")
    window.until(lambda: window.session.segmenter.card.id == "medkd-fast-r1")
    assert Settings.load().default_model == "medkd-fast-r1"

    panel.show_tab("Segment")
    window.drag([(8, 10), (20, 20), (30, 34)])
    assert window.mask().sum() == 320  # no correction is needed any more
    window.key(Qt.Key.Key_Escape)
    panel.show_tab("Learn")
    window.until(learn.history.isVisible)
    press(window, learn, "Roll back")
    window.until(lambda: window.session.segmenter.card.id == "medkd-fast")
    assert Settings.load().default_model == "medkd-fast"


def test_the_model_that_looks_learns_a_kind_and_looks_from_then_on(window):
    with places.open_store() as store:
        for seed in range(3):
            store.add(make(f"case {seed}", seed))
    learn, auto = window.dock.tabs["Learn"].page, window.dock.tabs["Auto"].page
    window.dock.panel.show_tab("Learn")
    (who,) = [one for one in learn.findChildren(QComboBox) if one.accessibleName() == "Which model learns"]
    window.until(who.isVisible, 90)
    who.setCurrentIndex(who.findData("medkd-auto"))
    who.activated.emit(who.currentIndex())
    window.until(learn.methods.kind.isVisible)
    assert learn.methods.choice.kind == "ct" and learn.methods.choice.label == "cell"
    press(window, learn, "Start")
    window.until(learn.verdict.isVisible)
    press(window, learn.verdict, "Use new")
    window.until(lambda: auto.looker == "medkd-auto-r1")
    assert Settings.load().looking_model == "medkd-auto-r1" and Settings.load().default_model == "medkd-fast"
    assert window.session.segmenter.card.id == "medkd-fast"
    press(window, learn, "Roll back")
    window.until(lambda: auto.looker == "medkd-auto")
