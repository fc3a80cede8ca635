"""The object in the volume: followed from slice to slice, how sure it is on each, and where it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QSpinBox, QWidget
from superqt.utils import signals_blocked

from napari_medkd.core.geometry import Plane
from napari_medkd.session.volumes import Reach, Rules
from napari_medkd.widgets.buttons import KeyButton
from napari_medkd.widgets.confidence_strip import ConfidenceStrip
from napari_medkd.widgets.inputs import CompactCombo
from napari_medkd.widgets.keys import key_for, tooltip_for
from napari_medkd.widgets.labels import SPACING, Caption, Section, Word
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.sentences import propagation_text

if TYPE_CHECKING:
    from napari_medkd.session.session import Session
    from napari_medkd.session.volumes import Progress

_DIRECTIONS = {"Both ways": 0, "Upwards": 1, "Downwards": -1}
_STOPS = {
    "Stop if unsure": Rules(),
    "Stop early": Rules.strict(),
    "Stop late": Rules.none(),
}


class VolumeBox(Section):
    """Propagate and Stop, range and direction, what ends it, and a strip of the slices; hidden for pictures.

    Parameters
    ----------
    session : Session
        Whose object is followed.
    """

    action_requested = Signal(str)  # an action of `keys.KEYS`
    plane_requested = Signal(object)  # Plane: show this slice

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Volume", parent)
        self._session = session
        self._progress: Progress | None = None
        self._is_limited = False  # whether the range is that of the object in hand alone
        self._propagate = self._button("propagate")
        self._interpolate = self._button("interpolate")
        self._accept, self._ends = self._button("accept_slice"), self._button("end_here")
        self._first, self._last = self._slice_box("First slice"), self._slice_box("Last slice")
        self._direction = CompactCombo(
            "Direction", "Whether it is followed to higher slice numbers, to lower ones, or both."
        )
        self._direction.addItems(list(_DIRECTIONS))
        self._stops = CompactCombo(
            "Stop rule",
            "What ends it: a low score, a jump of the area, an unlike look; with “early” sooner, with “late” "
            "only that nothing is found.",
        )
        self._stops.addItems(list(_STOPS))
        self.strip = ConfidenceStrip()
        self._text = Caption(lines=2)
        self._row(self._propagate, self._accept)
        self._row(self._ends, self._interpolate)
        self._row(Word("Slices"), self._first, Word("to"), self._last)
        self._row(self._direction, self._stops)
        self.body.addWidget(self.strip)
        self.body.addWidget(self._text)
        self.strip.slice_clicked.connect(self._on_slice_clicked)
        links = Links(self)
        for signal in (session.proposal_changed, session.segmenter_changed, session.plane_changed):
            links.connect(signal, self._on_changed)
        links.connect(session.propagation_changed, self._on_progress)
        links.connect(session.volume_changed, self._on_volume)
        self._on_volume()

    @property
    def rules(self) -> Rules:
        """What ends the propagation, as chosen."""
        return _STOPS[self._stops.currentText()]

    @property
    def reach(self) -> Reach:
        """Which slices may be reached, as chosen."""
        direction = _DIRECTIONS[self._direction.currentText()]
        first, last = sorted(map(self._turned, (self._first.value(), self._last.value())))
        return Reach(first, last, -direction if self._is_backwards else direction)

    def limit(self, index: int, side: int) -> None:
        """Set the last slice of the range (`side` 1), or its first (-1), or neither (0), for this object."""
        if side:
            (self._last if (side > 0) != self._is_backwards else self._first).setValue(self._turned(index))
            self._is_limited = True

    @property
    def _is_backwards(self) -> bool:
        """Whether the slices are counted from the last one of the file."""
        return self._axis() in self._session.counting.backwards

    def _turned(self, number: int) -> int:
        """Turn a slice's number into its index, or its index into its number."""
        volume = self._session.volume
        plane = Plane(self._axis(), number)
        return self._session.counting.number(volume, plane) if volume is not None else number

    def _button(self, action: str) -> KeyButton:
        key = key_for(action)
        button = KeyButton(key.title, key.label, tooltip_for(action))
        button.setAccessibleName(key.title)
        button.clicked.connect(lambda: self.action_requested.emit(action))
        return button

    def _slice_box(self, name: str) -> QSpinBox:
        box = QSpinBox()
        box.setAccessibleName(name)
        box.setToolTip(f"{name} that propagation may reach, from 0.")
        return box

    def _row(self, *widgets: QWidget) -> None:
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        for widget in widgets:
            row.addWidget(widget, 0 if isinstance(widget, Word) else 1)
        self.body.addLayout(row)

    def _axis(self) -> int:
        """Return the axis that the slices lie across: the object's, or else the one on the screen."""
        shown = self._session.proposal or self._session
        plane = shown.plane
        return plane.axis if plane is not None else 0

    def _on_volume(self, *_: object) -> None:
        volume = self._session.volume
        self.setVisible(volume is not None and min(volume.shape) > 1)
        self._progress = None
        self._set_range()
        self._on_changed()

    def _set_range(self) -> None:
        volume = self._session.volume
        last = volume.shape[self._axis()] - 1 if volume is not None else 0
        self._is_limited = False
        for box, value in ((self._first, 0), (self._last, last)):
            with signals_blocked(box):
                box.setRange(0, max(last, 0))
                box.setValue(value)

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._on_changed()

    def _on_changed(self, *_: object) -> None:
        session, volume = self._session, self._session.volume
        if volume is None or min(volume.shape) == 1:
            return
        count = volume.shape[self._axis()]
        if self._last.maximum() != count - 1:
            self._set_range()
        proposal, plane = session.proposal, session.plane
        sections = session.sections
        has_object = proposal is not None and not proposal.is_empty
        if self._is_limited and not has_object:
            self._set_range()
        running = session.is_propagating
        self._propagate.setText("Stop" if running else key_for("propagate").title)
        self._propagate.setEnabled(running or (has_object and session.segmenter is not None))
        prompted = [index for index, section in sections.items() if section.is_given]
        self._interpolate.setEnabled(not running and len(prompted) > 1)
        current = plane.index if plane is not None and plane.axis == self._axis() else -1
        here = sections.get(current)
        self._accept.setEnabled(not running and here is not None and not here.is_given)
        is_beyond = bool(prompted) and not min(prompted) <= current <= max(prompted)
        self._ends.setEnabled(current >= 0 and is_beyond)
        shown = {self._turned(index): section for index, section in sections.items()}
        self.strip.show_sections(count, shown, self._turned(current) if current >= 0 else current)
        self._text.setText(propagation_text(session, self._progress))

    def _on_slice_clicked(self, index: int) -> None:
        self.plane_requested.emit(Plane(self._axis(), self._turned(index)))
