"""The learning round in a real viewer: correct a folder, learn, compare, use the new model, go back.

``python scripts/learn_demo.py FOLDER --data DIR`` needs a display or a virtual screen, and the extra `train`.
DIR holds ``images/`` and ``masks/`` of the same names. A hand of the program's clicks once into each object,
paints what the model got wrong, and commits. It leaves ``cases.png``, ``learn.png``, ``compare.png``,
``used.png`` and ``figures.json`` in FOLDER: how long it took, how long the window stood still meanwhile, and
how long it does so when napari alone draws it, for a word in its status bar.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo import SIZE, Demo, say

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

HOME = Path("build/learn-demo-home")
PATIENCE = 3600  # seconds for the run
_FRAMES = 10  # times that napari alone draws its window, for comparison
LOOKS = 2  # at the validation cases before the picture of the tab is taken


def main() -> int:
    """Run the round and say what it gave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and masks/")
    parser.add_argument("--count", type=int, default=20, help="how many images are corrected")
    parser.add_argument("--steps", type=int, default=0, help="updates; the method's own where 0")
    parser.add_argument("--label", default="artery", help="name of the class")
    chosen = parser.parse_args()
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ["MEDKD_HOME"] = str(HOME.resolve())
    chosen.folder.mkdir(parents=True, exist_ok=True)
    data = HOME / "data"
    for name in ("images", "masks"):
        shutil.copytree(chosen.data / name, data / name)  # masks of cases are written beside their images
    LearnDemo(chosen.folder, data.resolve(), chosen.count, chosen.label, chosen.steps).round()
    return 0


class LearnDemo(Demo):
    """One round.

    Parameters
    ----------
    folder : Path
        Where the files go.
    data : Path
        Holds ``images/`` and ``masks/``.
    count : int
        How many images are corrected.
    label : str
        Name of the class.
    steps : int
        Updates; the method's own where 0.
    """

    def __init__(self, folder: Path, data: Path, count: int, label: str, steps: int = 0) -> None:
        import napari

        from napari_medkd.viewer.launch import dock_panel

        self.folder, self.data, self.count, self.label = folder, data, count, label
        self.steps = steps
        self.figures: dict[str, Any] = {}
        self.viewer = napari.Viewer(title="napari-medkd")
        self.viewer.window.resize(*SIZE)
        self.dock = dock_panel(self.viewer)
        self.session = self.dock.session
        self.cases, self.learn = self.dock.tabs["Cases"].page, self.dock.tabs["Learn"].page

    def round(self) -> None:
        """Do what a user does."""
        self.wait(lambda: self.session.segmenter is not None, "the model is loaded", 300)
        self.dock.panel.show_tab("Learn")
        self.press(self.learn, "Collect corrections")
        self.correct()
        self.train()
        self.decide()
        (self.folder / "figures.json").write_text(json.dumps(self.figures, indent=1) + "\n")
        say(json.dumps(self.figures))
        self.viewer.close()

    def correct(self) -> None:
        """Work through the folder."""
        self.dock.panel.show_tab("Cases")
        self.cases.work_through(self.data / "images")
        self.wait(lambda: bool(self.cases.cases.rows), "the folder was looked through", 120)
        for number in range(self.count):
            self.press(self.cases, "Next" if number == 0 else "Done, next")
            self.wait(lambda: self.cases.open_case.case is not None, "a case is open", 120)
            self.correct_one(self.cases.open_case.case.name)
            if number == 2:
                self.picture("cases.png")
        self.press(self.cases, "Done, next")
        say(f"{self.count} images were corrected.")

    def correct_one(self, name: str) -> None:
        """Click into the object, paint what the model got wrong, and commit."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        from napari_medkd.io import read_labels

        volume = self.session.volume
        self.truth = read_labels(self.data / "masks" / f"{Path(name).stem}.png", volume)[0] > 0
        if self.session.classes[0].name != self.label:
            self.session.update_class(self.session.classes[0].value, name=self.label)
        self.pause(0.3)
        self.click()
        self.wait(lambda: self.session.proposal is not None, "the model answers", 120)
        mask = self.session.proposal.mask
        self.session.paint(self.truth & ~mask, True)
        self.session.paint(mask & ~self.truth, False)
        native = self.viewer.window._qt_viewer.canvas.native
        native.setFocus()
        QTest.keyClick(native, Qt.Key.Key_C)
        self.wait(lambda: self.session.proposal is None, "it is committed", 60)

    def train(self) -> None:
        """Press Start, look at the curves, and wait for the comparison."""
        sys.path.insert(0, str(Path(__file__).parents[1]))
        from benchmarks.window_latency import Pulse

        self.dock.panel.show_tab("Learn")
        learn = self.learn
        self.wait(lambda: f"{self.count} objects" in learn.corrections.text, "all is delivered", 300)
        if self.steps:
            self.press(learn, "Options ▸")
            (row,) = [one for one in learn.methods.form if one.name == "steps"]
            row.value = self.steps
            self.figures["steps"] = self.steps
        pulse = Pulse()
        for number in range(_FRAMES):
            self.viewer.status = f"{number}"
            self.pause(0.2)
        self.figures["napari_draws_its_window_s"] = pulse.read()
        self.viewer.status = "Ready"
        start = time.perf_counter()
        self.press(learn, "Start")
        self.wait(lambda: learn.monitor.is_running, "the run has begun", 300)
        self.pause(2)
        pulse.read()
        overlap = learn.training.curves.overlap
        self.wait(
            lambda: any(len(line.steps) >= LOOKS for line in overlap.lines.values()), "curves grow", PATIENCE
        )
        gaps = [pulse.read()]
        self.picture("learn.png")  # the picture itself stops the clock
        pulse.read()
        self.wait(lambda: not learn.monitor.is_running, "the run has ended", PATIENCE)
        gaps.append(pulse.read())
        pulse.stop()
        self.figures["start_to_comparison_s"] = round(time.perf_counter() - start, 1)
        self.figures["longest_gap_s"] = max(gaps)
        self.wait(learn.verdict.isVisible, "the comparison is there", 120)
        self.figures["verdict"] = learn.verdict.text
        say(learn.verdict.text)

    def decide(self) -> None:
        """Look at the sheet, use the new model, and go back."""
        from napari_medkd.widgets.comparison_sheet import ComparisonSheet

        self.press(self.learn.verdict, "Compare…")
        (sheet,) = self.learn.verdict.findChildren(ComparisonSheet)
        self.pause(0.5)
        sheet.grab().save(str(self.folder / "compare.png"))
        old = self.session.segmenter.card.id
        self.press(sheet, "Use new")
        self.wait(lambda: self.session.segmenter.card.id != old, "the new model is loaded", 300)
        self.figures["used"] = self.session.segmenter.card.id
        self.wait(self.learn.history.isVisible, "the history is there", 60)
        self.picture("used.png")
        self.press(self.learn, "Roll back")
        self.wait(lambda: self.session.segmenter.card.id == old, "the old model is back", 300)

    def press(self, page: QWidget, name: str) -> None:
        """Click a button with the mouse, once it can be."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest
        from qtpy.QtWidgets import QAbstractButton

        (button,) = [one for one in page.findChildren(QAbstractButton) if one.accessibleName() == name]
        self.wait(lambda: button.isVisible() and button.isEnabled(), f"{name} can be pressed", 300)
        place = QPoint(12, button.height() // 2)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


if __name__ == "__main__":
    sys.exit(main())
