"""A real napari window for tests: its dock, and real mouse and key events on its canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_medkd.session.state import Pending
from napari_medkd.viewer.dock import MedkdDock
from napari_medkd.viewer.transforms import data_to_world
from tests.doubles import ThresholdSegmenter
from tests.viewer.conftest import Answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Layer

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NO, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
CONTROL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


class Window:
    """A viewer on the screen with our dock, and hands."""

    def __init__(self, viewer: napari.Viewer, qtbot: Any, load: Any = None):
        self.viewer, self.bot = viewer, qtbot
        self.answers = Answers(pending=Pending.DISCARD, resume=False)
        viewer.window._qt_window.resize(1100, 800)
        self.dock = MedkdDock(viewer, asker=self.answers, load=load or (lambda *_: ThresholdSegmenter()))
        viewer.window.add_dock_widget(self.dock, name="MedKD", area="right")
        self.session = self.dock.session
        self.until(lambda: self.session.segmenter is not None)

    @property
    def canvas(self) -> Any:
        return self.viewer.window._qt_viewer.canvas

    def until(self, condition: Any, seconds: float = 30) -> None:
        self.bot.waitUntil(condition, timeout=int(seconds * 1000))

    def open(self, data: Any, **options: Any) -> Any:
        image = self.viewer.add_image(data, name="scan", **options)
        self.until(lambda: self.dock.workspace.image is image)
        self.settle()
        if "box" in self.dock.panel.segment.tools:
            self.dock.panel.segment.set_tool("box")
            self.dock.tools.activate("box")
        return image

    def settle(self) -> None:
        """Let resizes, resets of the view and queued calls happen."""
        self.bot.wait(50)
        QApplication.processEvents()

    def place(self, data: Sequence[float], layer: Layer | None = None) -> QPoint:
        """Return where data coordinates are on the canvas, in logical pixels."""
        layer = layer or self.dock.workspace.image
        world = np.array(self.viewer.dims.point, dtype=float)
        world[-layer.ndim :] = data_to_world(self.viewer, layer, data)
        transform = self.canvas.view.transform * self.canvas.view.scene.transform
        x, y = transform.map([world[axis] for axis in self.viewer.dims.displayed][::-1])[:2]
        return QPoint(round(x), round(y))

    def click(self, data: Sequence[float], button: Any = LEFT, modifier: Any = NO) -> None:
        QTest.mouseClick(self.canvas.native, button, modifier, self.place(data))
        QApplication.processEvents()

    def move(self, data: Sequence[float]) -> None:
        self._send(QEvent.Type.MouseMove, self.place(data), Qt.MouseButton.NoButton, NO)

    def drag(self, path: Sequence[Sequence[float]], button: Any = LEFT, modifier: Any = NO) -> None:
        """Press at the first place, pass the others, release at the last; the camera must not move."""
        places = [self.place(data) for data in path]
        QTest.mousePress(self.canvas.native, button, modifier, places[0])
        for place in places[1:]:
            self._send(QEvent.Type.MouseMove, place, button, modifier)
        QTest.mouseRelease(self.canvas.native, button, modifier, places[-1])
        QApplication.processEvents()

    def key(self, key: Any, modifier: Any = NO) -> None:
        QTest.keyClick(self.canvas.native, key, modifier)
        QApplication.processEvents()

    def mask(self) -> np.ndarray:
        self.until(lambda: self.session.proposal is not None)
        return self.session.proposal.mask

    def picture(self) -> np.ndarray:
        """Return what is on the canvas, (rows, columns, 4)."""
        return self.viewer.screenshot(canvas_only=True, flash=False)

    def _send(self, kind: Any, place: QPoint, button: Any, modifier: Any) -> None:
        native = self.canvas.native
        held = button if kind == QEvent.Type.MouseMove else Qt.MouseButton.NoButton
        event = QMouseEvent(
            kind, QPointF(place), QPointF(native.mapToGlobal(place)), Qt.MouseButton.NoButton, held, modifier
        )
        QApplication.sendEvent(native, event)
        self.bot.wait(10)  # moves are throttled by the canvas (5 ms)
