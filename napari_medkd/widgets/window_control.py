"""Which stored values are black and white: a preset, two numbers and a slider between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QWidget
from superqt import QDoubleRangeSlider
from superqt.utils import signals_blocked

from napari_medkd.core.geometry import Plane
from napari_medkd.core.window import CT_PRESETS, Window
from napari_medkd.widgets.inputs import CompactCombo, Number, make_calm
from napari_medkd.widgets.labels import SPACING, Word
from napari_medkd.widgets.links import Links

if TYPE_CHECKING:
    from napari_medkd.core.volume import Volume
    from napari_medkd.session.session import Session

_CUSTOM = "Custom"
_SAMPLE = 200_000  # values looked at for the slider's ends


class WindowControl(QWidget):
    """Shows and changes the window of the session's image; hidden for colour pictures, which have none.

    Parameters
    ----------
    session : Session
        Gets `set_window` when a number is entered, a preset chosen or the slider let go.
    """

    dragged = Signal(float, float)  # low, high while the slider moves

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._presets: dict[str, Window] = {}
        self._shown: object = None  # the data whose range the slider has
        self._build()
        Links(self).connect(session.volume_changed, self._on_volume_changed)
        self._on_volume_changed(session.volume)

    def _build(self) -> None:
        tooltip = "Values that become black and white, for you and for the model; the slice is encoded again."
        self._preset = CompactCombo("Intensity window", f"Intensity window. {tooltip}")
        self._low = Number("Black", "Values at or below this are black.")
        self._high = Number("White", "Values at or above this are white.")
        self._slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        self._slider.setToolTip(tooltip)
        self._slider.setAccessibleName("Intensity window")
        self._slider.setMinimumWidth(60)
        make_calm(self._slider)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(Word("Window"), 0, 0)
        layout.addWidget(self._preset, 0, 1, 1, 2)
        layout.addWidget(self._low, 1, 0)
        layout.addWidget(self._slider, 1, 1)
        layout.addWidget(self._high, 1, 2)
        layout.setColumnStretch(1, 1)
        self._preset.textActivated.connect(self._on_preset)
        self._low.entered.connect(self._on_numbers)
        self._high.entered.connect(self._on_numbers)
        self._slider.valueChanged.connect(self._on_slider)
        self._slider.sliderReleased.connect(self._on_released)

    def _on_volume_changed(self, volume: Volume | None) -> None:
        self.setVisible(volume is not None and not (volume.is_rgb and volume.data.dtype == np.uint8))
        if volume is None:
            self._shown = None  # lets a large image go
            return
        if volume.data is not self._shown:
            self._shown = volume.data
            self._take_image(volume)
        self._show(volume.window)

    def _take_image(self, volume: Volume) -> None:
        """Fill presets and the slider's ends for another image."""
        low, high = _value_range(volume, self._session.plane)
        opened = volume.window
        self._presets = {f"{opened.name or 'As stored'} (guessed)": opened}
        if volume.modality == "CT":
            self._presets |= {
                name: Window.from_level(*level, name=name)
                for name, level in CT_PRESETS.items()
                if name != opened.name
            }
        self._presets["Full range"] = Window(low, high, "Full range")
        whole = np.issubdtype(volume.data.dtype, np.integer)
        low, high = min(low, opened.low), max(high, opened.high)
        step = 1.0 if whole else 10.0 ** np.floor(np.log10((high - low) / 100))
        with signals_blocked(self._preset), signals_blocked(self._slider):
            self._preset.clear()
            self._preset.addItems(list(self._presets))
            self._slider.setRange(low, high)
            self._slider.setSingleStep(step)
        for number in (self._low, self._high):
            number.step = step
            number.decimals = 0 if whole else max(0, min(6, -int(np.floor(np.log10(step)))))

    def _show(self, window: Window) -> None:
        self._low.set_value(window.low)
        self._high.set_value(window.high)
        with signals_blocked(self._slider):
            self._slider.setRange(
                min(self._slider.minimum(), window.low), max(self._slider.maximum(), window.high)
            )
            self._slider.setValue((window.low, window.high))
        same = [
            n for n, p in self._presets.items() if np.allclose((p.low, p.high), (window.low, window.high))
        ]
        with signals_blocked(self._preset):
            custom = self._preset.findText(_CUSTOM)
            if same and custom >= 0:
                self._preset.removeItem(custom)
            elif not same and custom < 0:
                self._preset.addItem(_CUSTOM)
            self._preset.setCurrentText(same[0] if same else _CUSTOM)

    def _on_preset(self, name: str) -> None:
        if name in self._presets:
            self._session.set_window(self._presets[name])

    def _on_numbers(self) -> None:
        self._set(self._low.value, self._high.value)

    def _on_slider(self, values: tuple[float, float]) -> None:
        self._low.set_value(values[0])
        self._high.set_value(values[1])
        self.dragged.emit(*values)
        if not self._slider.isSliderDown():  # moved by the keyboard or the wheel
            self._on_released()

    def _on_released(self) -> None:
        self._set(*self._slider.value())

    def _set(self, low: float, high: float) -> None:
        volume = self._session.volume
        if volume is None:
            return
        self._session.set_window(Window(low, max(high, low + self._low.step), _CUSTOM))


def _value_range(volume: Volume, plane: Plane | None) -> tuple[float, float]:
    """Return the smallest and largest value of one slice, looked at sparsely."""
    plane = plane or Plane(0, volume.shape[0] // 2)
    values = volume.slice(plane).reshape(-1)
    values = values[:: max(1, values.size // _SAMPLE)]
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return low, max(high, low + 1e-6)
