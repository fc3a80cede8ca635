"""The main job in a real viewer: open a sample, click on it, commit, save, and look at it.

A model that understands no points is given a box instead. ``python scripts/demo.py FOLDER`` needs a display
or a virtual screen and leaves ``mask.png``, ``overlay.png``, ``proposal.png``, ``viewer.png`` and, where the
model shows what a click would give, ``hover.png`` in the folder. It exits with 1 where the mask is not like
the true one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Box
    from napari_medkd.samples import Sample

HOME = Path("build/demo-home")  # not the user's own folder: the demo leaves no trace there
SIZE = (1440, 900)
MARGIN = 4  # pixels that a person leaves around an object
GOOD = 0.85  # Dice


def main() -> int:
    """Run the demo and say what it gave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--sample", default="carotid", help="which sample image")
    chosen = parser.parse_args()
    os.environ["MEDKD_HOME"] = str(HOME.resolve())
    shutil.rmtree(HOME / "journals", ignore_errors=True)
    chosen.folder.mkdir(parents=True, exist_ok=True)

    from napari_medkd.samples import sample

    return Demo(sample(chosen.sample), chosen.folder).run()


class Demo:
    """One run.

    Parameters
    ----------
    sample : Sample
        What is opened; one with a true mask.
    folder : Path
        Where the files go.
    """

    def __init__(self, sample: Sample, folder: Path) -> None:
        import napari

        from napari_medkd.io import read_labels, read_volume
        from napari_medkd.viewer.hooks import layer_data
        from napari_medkd.viewer.launch import dock_panel

        assert sample.mask_path is not None
        self.folder = folder
        self.volume = read_volume(sample.path)
        self.truth: NDArray[np.bool_] = read_labels(sample.mask_path, self.volume)[0] > 0
        self.viewer = napari.Viewer(title="napari-medkd")
        self.viewer.window.resize(*SIZE)
        data, options, _ = layer_data(self.volume)
        self.viewer.add_image(data, **options)
        self.dock = dock_panel(self.viewer)
        self.session = self.dock.session

    def run(self) -> int:
        """Do what a user does, and compare."""
        from napari_medkd.core.overlap import dice
        from napari_medkd.core.prompts import Box
        from napari_medkd.session.state import State

        start = time.perf_counter()
        say(
            "The model is loaded; the first time it is also prepared for this computer, which takes a minute."
        )
        self.wait(lambda: self.session.state is State.READY, "the model is ready", 1500)
        say(f"It was ready, and the image encoded, after {time.perf_counter() - start:.1f} s.")
        self.pause(0.5)  # the window takes its size, and the view with it
        clicks = "point" in self.session.segmenter.card.capabilities
        if clicks:
            self.hover()
        start = time.perf_counter()
        if clicks:
            self.click()
        else:
            self.drag(grown(Box.around(self.truth), MARGIN))
        self.wait(lambda: self.session.state is State.PROPOSAL, "the model answers", 120)
        done = "The mouse was clicked once" if clicks else "A box was drawn with the mouse"
        say(f"{done}; its mask was there {time.perf_counter() - start:.2f} s later.")
        self.picture("proposal.png")
        proposal = self.session.proposal
        assert proposal is not None
        self.press_enter()
        self.wait(lambda: self.session.state is State.COMMITTED, "the mask is committed", 60)
        self.picture("viewer.png")
        self.save(proposal.prompt, proposal.mask)
        score = dice(proposal.mask, self.truth)
        say(f"Dice with the true mask: {score:.3f}")
        names = sorted(path.name for path in self.folder.glob("*.png"))
        say(f"See {self.folder}/: {', '.join(names)}.")
        self.viewer.close()
        return 0 if score >= GOOD else 1

    def hover(self) -> None:
        """Move the pointer to the heart of the object, and look at what a click there would give."""
        from qtpy.QtTest import QTest

        native = self.viewer.window._qt_viewer.canvas.native
        seen: list[object] = []
        self.session.preview_changed.connect(seen.append)
        for away in (12, 8, 4, 0):  # a hand comes from somewhere
            QTest.mouseMove(native, self.to_screen((self.heart[0] - away, self.heart[1])))
            self.pause(0.05)
        self.wait(lambda: any(one is not None for one in seen), "a preview is shown", 20)
        self.picture("hover.png")

    def click(self) -> None:
        """Click on the heart of the object."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        native = self.viewer.window._qt_viewer.canvas.native
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(native, left, none, self.to_screen(self.heart))

    @property
    def heart(self) -> tuple[float, float]:
        """(row, column) of the pixel that is furthest inside the object."""
        from napari_medkd.core.robot import first_point

        point = first_point(self.truth)
        return point.row, point.column

    def drag(self, box: Box) -> None:
        """Draw a box as a hand does: press, move in steps, release."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        native = self.viewer.window._qt_viewer.canvas.native
        corners = ((box.top, box.left), (box.bottom, box.right))
        first, last = (self.to_screen(corner) for corner in corners)
        QTest.mouseMove(native, first)
        QTest.mousePress(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
        for share in np.linspace(0, 1, 12)[1:]:
            QTest.mouseMove(native, first + (last - first) * float(share))
            self.pause(0.02)
        QTest.mouseRelease(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, last)

    def press_enter(self) -> None:
        """Press the key that commits, with the canvas focused."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        native = self.viewer.window._qt_viewer.canvas.native
        native.setFocus()
        QTest.keyClick(native, Qt.Key.Key_Return)

    def to_screen(self, place: tuple[float, float]) -> Any:
        """Return where on the canvas (row, column) of the image is."""
        from qtpy.QtCore import QPoint

        canvas = self.viewer.window._qt_viewer.canvas
        image = self.dock.workspace.image
        world = image.data_to_world(place)
        x, y = (canvas.view.transform * canvas.view.scene.transform).map([world[-1], world[-2]])[:2]
        return QPoint(round(x), round(y))

    def save(self, prompt: Any, mask: NDArray[np.bool_]) -> None:
        """Write the mask and a picture of it."""
        from napari_medkd.cli.overlay import draw_overlay

        self.session.save(self.folder / "mask.png")
        draw_overlay(self.volume, prompt, mask).save(self.folder / "overlay.png")

    def picture(self, name: str) -> None:
        """Write a screenshot of the whole window."""
        self.pause(0.7)
        self.viewer.screenshot(str(self.folder / name), canvas_only=False, flash=False)

    def wait(self, reached: Callable[[], bool], what: str, seconds: float) -> None:
        """Let the viewer run until something is so."""
        end = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > end or self.session.error is not None:
                self.viewer.screenshot(str(self.folder / "failed.png"), canvas_only=False, flash=False)
                raise SystemExit(f"Waited in vain until {what}: {self.session.error or 'it took too long'}")
            self.pause(0.05)

    def pause(self, seconds: float) -> None:
        """Let the viewer run for a while."""
        from qtpy.QtTest import QTest

        QTest.qWait(round(1000 * seconds))


def grown(box: Box, margin: float) -> Box:
    """Return a box with room around the object."""
    from napari_medkd.core.prompts import Box

    return Box(box.top - margin, box.left - margin, box.bottom + margin, box.right + margin)


def say(sentence: str) -> None:
    """Tell whoever started it."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
