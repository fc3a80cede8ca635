"""The viewer's half of `benchmarks.latency`: a real window, real mouse events, a clock in its event loop."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import measuring

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.viewer.dock import MedkdDock

_SLICES = 6  # each one encoded afresh
_TICK_MS = 2
_HELD = 0.08  # seconds that a finger stays on the button in a click


def measure(model_id: str, size: int, repeats: int, threads: int) -> dict[str, Any]:
    """Open a viewer with `_SLICES` slices of `size` pixels a side and use it."""
    from napari_medkd.settings import Settings

    # What an earlier run left on the disk would be read in place of encoding.
    Settings(
        default_model=model_id, threads=threads, runtime="auto", device="cpu", embedding_disk_mb=0
    ).save()
    figures: dict[str, Any] = {}
    bench = Bench(size)
    figures["frame_s"], figures["gap_frame_s"] = bench.frame(repeats)
    figures["first_load_s"], figures["gap_first_load_s"] = bench.load(model_id)
    bench.close()
    bench = Bench(size)
    figures["load_s"], figures["gap_load_s"] = bench.load(model_id)
    assert bench.session.segmenter is not None
    figures["what"] = f"{model_id}, {bench.session.segmenter.runtime_name}"
    figures["encode_s"], figures["gap_encode_s"] = bench.encode()
    figures["decode_s"], figures["gap_decode_s"] = bench.decode(repeats)
    figures["model_load_s"] = bench.load_alone(model_id)
    figures["open_to_ready_s"] = bench.reopen()
    figures["click_to_pixels_s"], figures["gap_click_s"] = bench.click(repeats)
    figures["open_to_mask_s"] = bench.first_mask()
    bench.close()
    figures["peak_mb"] = measuring.peak_mb()
    figures["torch_imported"] = "torch" in sys.modules
    return figures


class Pulse:
    """A timer in the event loop: the longest time between two beats is how long the window stood still."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=_TICK_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def read(self) -> float:
        """Return the longest gap since the last reading, in seconds."""
        self._beat()
        longest, self.longest = self.longest, 0.0
        return round(longest, 4)

    def stop(self) -> None:
        """Stop beating."""
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now


class Bench:
    """One viewer with a stack of bright discs on noise, and the panel docked but without a model yet."""

    def __init__(self, size: int) -> None:
        import napari

        from napari_medkd.viewer.dock import MedkdDock

        self.size = size
        self.stack = discs(size)
        self.viewer = napari.Viewer(title="napari-medkd")
        self.viewer.window.resize(1440, 900)
        self.image = self.viewer.add_image(self.stack, name="discs")
        self.session: Any = None
        self.wait(0.5)
        self.pulse = Pulse()
        self._dock: Callable[[str], MedkdDock] = lambda model_id: MedkdDock(self.viewer, model_id=model_id)

    def frame(self, repeats: int) -> tuple[dict[str, float], float]:
        """Change a labels layer in napari alone, without us: from the change to the frame that shows it.

        What this takes here no plugin can undercut; without a graphics card it is most of every other figure.
        """
        layer = self.viewer.add_labels(np.zeros(self.stack.shape, np.uint8))
        frames = self._frames()
        self.wait(1.0)
        taken = []
        for number in range(repeats + 1):
            layer.data[self.stack.shape[0] // 2, 300 : 400 + number] += 1
            start = time.perf_counter()
            layer.refresh(thumbnail=False, highlight=False, extent=False)
            self.until_frame(frames, start)
            taken.append(frames[-1] - start)
            self.wait(0.1)
            if number == 0:  # the first one compiles
                self.pulse.read()
        gap = self.pulse.read()
        self.viewer.layers.remove(layer)
        return measuring.summary(taken[1:]), gap

    def load(self, model_id: str) -> tuple[float, float]:
        """Dock the panel and wait for the model; (seconds until READY, longest gap after the docking)."""
        from napari_medkd.session.state import State

        self.dock = self._dock(model_id)
        self.viewer.window.add_dock_widget(self.dock, name="MedKD", area="right")
        self.session = self.dock.session
        self.wait(0.3)  # drawing the panel for the first time is not the model's doing
        self.pulse.read()
        start = time.perf_counter()
        self.until(lambda: self.session.state is State.READY, 900)
        return round(time.perf_counter() - start, 3), self.pulse.read()

    def encode(self) -> tuple[dict[str, float], float]:
        """Encode every slice in another thread while the event loop runs."""
        from napari_medkd.core.geometry import Plane

        volume, segmenter = self.session.volume, self.session.segmenter
        assert volume is not None and segmenter is not None
        planes = iter([Plane(0, index) for index in range(_SLICES)])
        return self._beside(lambda: segmenter.embed(volume, next(planes)), _SLICES)

    def decode(self, repeats: int) -> tuple[dict[str, float], float]:
        """Answer a box on an encoded slice in another thread while the event loop runs."""
        from napari_medkd.core.geometry import Plane
        from napari_medkd.core.prompts import Box, Prompt

        volume, segmenter = self.session.volume, self.session.segmenter
        assert volume is not None and segmenter is not None
        embedding = segmenter.embed(volume, Plane(0, 0))
        near, far = self.size * 0.3, self.size * 0.6
        prompt = Prompt(Plane(0, 0), box=Box(near, near, far, far))
        segmenter.predict(embedding, prompt)
        return self._beside(lambda: segmenter.predict(embedding, prompt), repeats)

    def _beside(self, work: Callable[[], object], repeats: int) -> tuple[dict[str, float], float]:
        """Time `work` in a thread; the longest gap meanwhile is its doing, for nothing is drawn."""
        import threading

        taken: list[float] = []
        self._rest()
        thread = threading.Thread(target=lambda: taken.extend(measuring.seconds_of(work, repeats)))
        self.pulse.read()
        thread.start()
        self.until(lambda: not thread.is_alive(), 600)
        return measuring.summary(taken), self.pulse.read()

    def load_alone(self, model_id: str) -> float:
        """Load the prepared model once more, beside the one in use; seconds until it can encode."""
        from napari_medkd.inference import load_segmenter

        summary, _ = self._beside(lambda: load_segmenter(model_id, in_child=True).close(), 3)
        return round(summary["median"], 3)

    def reopen(self) -> float:
        """Open another image with the model loaded; seconds until its visible slice can be prompted."""
        from napari_medkd.session.state import State

        another = self.viewer.add_image(self.stack[::-1].copy(), name="another")
        start = time.perf_counter()
        self.dock.open_image(another)
        self.until(lambda: self.session.state is State.READY, 600)
        return round(time.perf_counter() - start, 3)

    def first_mask(self) -> float:
        """Open another image with the model loaded and prompt it at once; seconds to the first mask."""
        from napari_medkd.core.geometry import Plane
        from napari_medkd.core.prompts import Box, Point, Prompt

        another = self.viewer.add_image(self.stack[:, ::-1].copy(), name="prompted at once")
        self._rest()
        frames = self._frames()
        start = time.perf_counter()
        self.dock.open_image(another)
        plane = self.session.plane or Plane(0, 0)
        middle, edge = self.size / 2, self.size * 0.3
        prompt = Prompt(plane, points=(Point(middle, middle),))
        if not self._takes_points():
            prompt = Prompt(plane, box=Box(edge, edge, self.size - edge, self.size - edge))
        self.session.set_prompt(prompt)
        self.until(lambda: self.session.proposal is not None)
        self.until_frame(frames, time.perf_counter())
        taken = frames[-1] - start
        self.session.discard()  # or the window would ask about it when it closes
        return round(taken, 3)

    def click(self, repeats: int) -> tuple[dict[str, float], float]:
        """Click, or drag boxes where the model takes no points; from each release to the frame with the mask.

        By mouse events, each at another place: nothing is answered from memory.
        """
        self._rest()
        points = self._takes_points()
        self.dock.panel.segment.set_tool("point" if points else "box")
        self.dock.tools.activate("point" if points else "box")
        frames = self._frames()
        answers: list[float] = []
        self.session.proposal_changed.connect(lambda proposal: answers.append(time.perf_counter()))
        taken = []
        self.pulse.read()
        for number in range(repeats):
            if points:
                place = self.size * (0.45 + 0.005 * number)
                taken.append(self._drag(place, place, answers, frames))
            else:
                near = self.size * (0.28 + 0.002 * number)
                taken.append(self._drag(near, self.size - near, answers, frames))
            self.session.discard()
            self.wait(0.3)
        return measuring.summary(taken), self.pulse.read()

    def _drag(self, near: float, far: float, answers: list[float], frames: list[float]) -> float:
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        native = self.viewer.window._qt_viewer.canvas.native
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        first, last = self._pixel(near), self._pixel(far)
        QTest.mousePress(native, left, none, first)
        for share in (0.25, 0.5, 0.75, 1.0) if first != last else ():
            QTest.mouseMove(native, first + (last - first) * share)
            self.wait(0.02)
        if first == last:
            self.wait(_HELD)
        start = time.perf_counter()
        QTest.mouseRelease(native, left, none, last)
        self.until(lambda: self.session.proposal is not None and answers[-1] >= start)
        self.until_frame(frames, answers[-1])
        return next(frame for frame in frames if frame >= answers[-1]) - start

    def _takes_points(self) -> bool:
        return "point" in self.session.segmenter.card.capabilities

    def _frames(self) -> list[float]:
        """Return a list that gets the time of every frame from now on, once it is on the screen."""
        frames: list[float] = []
        native = self.viewer.window._qt_viewer.canvas.native
        native.frameSwapped.connect(lambda: frames.append(time.perf_counter()))
        return frames

    def until_frame(self, frames: list[float], start: float) -> None:
        """Let the viewer run until a frame is on the screen that was drawn after `start`."""
        self.until(lambda: bool(frames) and frames[-1] >= start)

    def _pixel(self, place: float) -> Any:
        from qtpy.QtCore import QPoint

        canvas = self.viewer.window._qt_viewer.canvas
        image = self.dock.workspace.image
        assert image is not None
        world = image.data_to_world((image.data.shape[0] // 2, place, place))
        x, y = (canvas.view.transform * canvas.view.scene.transform).map([world[-1], world[-2]])[:2]
        return QPoint(round(x), round(y))

    def _rest(self) -> None:
        """Wait until nothing is encoded ahead any more."""
        self.wait(1.0)
        before = -1.0
        while (now := time.process_time()) - before > 0.2:
            before = now
            self.wait(1.0)

    def until(self, reached: Callable[[], bool], seconds: float = 120) -> None:
        """Let the viewer run until something is so."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while not reached():
            session = self.session
            if time.monotonic() > end or (session is not None and session.error is not None):
                raise SystemExit(f"Waited in vain: {session and (session.error or session.state)}")
            QApplication.processEvents()
            time.sleep(0.0005)

    def wait(self, seconds: float) -> None:
        """Let the viewer run for a while."""
        from qtpy.QtTest import QTest

        QTest.qWait(round(1000 * seconds))

    def close(self) -> None:
        """Close the viewer."""
        self.pulse.stop()
        self.viewer.close()


def discs(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return (slices, size, size): a bright disc in the middle of noise, another radius on each slice."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size] - size / 2
    stack = rng.integers(40, 90, (_SLICES, size, size), np.uint8)
    for index in range(_SLICES):
        stack[index][np.hypot(rows, columns) < size * (0.12 + 0.01 * index)] += 120
    return stack
