"""An organ in a real viewer: one box, Shift+P, corrections on the worst slices, Enter, saved.

``python scripts/volume_demo.py FOLDER --image CT.nii.gz --mask LIVER.nii.gz`` needs a display or a virtual
screen. The mask tells the hand where to draw and click; the model never sees it. Pictures of each step go to
the folder, with the result as NIfTI and as DICOM-SEG. It says the Dice of the volume after each step.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from demo import HOME, Demo, say

if TYPE_CHECKING:
    from numpy.typing import NDArray

CORRECTIONS = 2
_CLICKS = 2  # at most, on a slice that is corrected


def main() -> int:
    """Run the demo and say what it gave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--image", type=Path, required=True, help="a volume, or a folder of a DICOM series")
    parser.add_argument("--mask", type=Path, required=True, help="its true mask")
    parser.add_argument("--label", type=int, default=1, help="which value of it")
    chosen = parser.parse_args()
    os.environ["MEDKD_HOME"] = str(HOME.resolve())
    chosen.folder.mkdir(parents=True, exist_ok=True)
    sample = SimpleNamespace(path=chosen.image, mask_path=chosen.mask)
    return VolumeDemo(sample, chosen.folder, chosen.label).run()


class VolumeDemo(Demo):
    """One run on a volume; see `Demo`."""

    def __init__(self, sample: Any, folder: Path, label: int) -> None:
        from napari_medkd.core.objects import slice_axis
        from napari_medkd.io import read_labels

        super().__init__(sample, folder)
        labels = read_labels(sample.mask_path, self.volume)
        self.organ: NDArray[np.bool_] = labels == label
        self.axis = slice_axis(self.volume.geometry)
        self.slices = np.flatnonzero(self.organ.any(axis=tuple({0, 1, 2} - {self.axis})))
        self.here = int(self.slices[len(self.slices) // 2])
        self.tell_name()

    def tell_name(self) -> None:
        """Call the class what it is."""
        self.session.update_class(1, name="organ")

    def run(self) -> int:
        """Do what a user does."""
        from napari_medkd.core.robot import first_box
        from napari_medkd.session.state import State

        self.wait(lambda: self.session.state is State.READY, "the model is ready", 1500)
        self.pause(0.5)
        self.take_advice()
        self.go(self.here)
        self.dock.panel.segment.perform("tool_box")
        self.drag(first_box(self.truth_here))
        self.wait(self.is_answered, "the model answers", 120)
        self.picture("volume-box.png")
        self.propagate("volume-propagated.png")
        for number in range(CORRECTIONS):
            self.correct(f"volume-corrected{number + 1}.png")
        self.press_enter()
        self.wait(lambda: self.session.state is State.COMMITTED, "the organ is committed", 60)
        self.picture("volume-committed.png")
        self.store()
        self.viewer.close()
        return 0

    def take_advice(self) -> None:
        """Use the model that the panel proposes for such images, where it does."""
        from napari_medkd.session.state import State
        from napari_medkd.widgets.buttons import LinkButton

        for link in self.dock.panel.segment.findChildren(LinkButton):
            if link.isVisible() and "use it" in link.text():
                self.picture("volume-advice.png")
                link.click()
                self.pause(0.5)
                self.wait(lambda: self.session.state is State.READY, "the other model is ready", 120)
                return

    @property
    def truth_here(self) -> NDArray[np.bool_]:
        """The true mask on the slice that is shown."""
        from napari_medkd.core.geometry import Plane

        return self.organ[Plane(self.axis, self.here).slicing()]

    def go(self, index: int) -> None:
        """Move the slider to a slice, as a click in the strip does."""
        from napari_medkd.core.geometry import Plane

        self.here = index
        self.dock.panel.segment.plane_requested.emit(Plane(self.axis, index))
        self.wait(lambda: self.session.plane.index == index, "the slice is shown", 20)
        self.pause(0.3)

    def propagate(self, picture: str) -> None:
        """Press Shift+P and wait until it is over."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        native = self.viewer.window._qt_viewer.canvas.native
        native.setFocus()
        QTest.keyClick(native, Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
        self.wait(lambda: not self.session.is_propagating, "the organ is followed", 1200)
        self.picture(picture)
        say(f"Dice of the volume: {self.score():.3f} ({len(self.session.sections)} slices)")

    def correct(self, picture: str) -> None:
        """Go to the slice that is wrong most, click there until it is better, and propagate from it."""
        from napari_medkd.core.robot import next_click

        wrong = self.found() ^ self.organ
        self.go(int(np.argmax(wrong.sum(axis=tuple({0, 1, 2} - {self.axis})))))
        for _ in range(_CLICKS):
            point = next_click(self.truth_here, self.mask_here())
            if point is None:
                break
            self.click_at(point)
        self.propagate(picture)

    def click_at(self, point: Any) -> None:
        """Click with the point tool: the left button inside, the right one outside."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        self.dock.panel.segment.perform("tool_point")
        button = Qt.MouseButton.LeftButton if point.positive else Qt.MouseButton.RightButton
        native = self.viewer.window._qt_viewer.canvas.native
        before = self.session.prompt
        place = self.to_screen((point.row, point.column))
        QTest.mouseClick(native, button, Qt.KeyboardModifier.NoModifier, place)
        self.wait(lambda: self.session.prompt != before, "the click is taken", 60)
        self.wait(self.is_answered, "the model answers", 120)

    def is_answered(self) -> bool:
        """Tell whether the mask on the screen is the answer to all that was said."""
        shown = self.session.proposal
        return shown is not None and shown.prediction is not None and shown.prompt == self.session.prompt

    def found(self) -> NDArray[np.bool_]:
        """Return the object in hand in the volume."""
        mask = np.zeros_like(self.organ)
        for plane, one in self.session.proposal.masks():
            mask[plane.slicing()] = one
        return mask

    def mask_here(self) -> NDArray[np.bool_]:
        """Return the object in hand on the slice that is shown."""
        from napari_medkd.core.geometry import Plane

        return self.found()[Plane(self.axis, self.here).slicing()]

    def score(self) -> float:
        """Return Dice's coefficient of the object in hand in the volume."""
        from napari_medkd.core.overlap import dice

        return dice(self.found(), self.organ)

    def store(self) -> None:
        """Save the labels in two formats."""
        for name in ("organ.nii.gz", "organ.dcm"):
            if not self.dock.workspace.act(lambda name=name: self.session.save(self.folder / name)):
                say(f"{name} could not be written for this image.")

    def to_screen(self, place: tuple[float, float]) -> Any:
        """Return where on the canvas (row, column) of the slice that is shown is."""
        from qtpy.QtCore import QPoint

        from napari_medkd.core.geometry import Plane

        canvas = self.viewer.window._qt_viewer.canvas
        voxel = Plane(self.axis, self.here).to_volume(np.array(place))
        world = self.dock.workspace.image.data_to_world(voxel)
        down, right = self.viewer.dims.displayed
        x, y = (canvas.view.transform * canvas.view.scene.transform).map([world[right], world[down]])[:2]
        return QPoint(round(x), round(y))


if __name__ == "__main__":
    sys.exit(main())
