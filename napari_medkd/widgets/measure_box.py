"""How large the object in hand and its class are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.session.measuring import Measuring
from napari_medkd.widgets.labels import Caption, Section
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.sentences import measured_text

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_medkd.session.session import Session


class MeasureBox(Section):
    """Volume, diameters and mean of the object in hand, and the volume of the active class.

    Parameters
    ----------
    session : Session
        Whose objects are measured.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Measures", parent)
        self._session = session
        self._measuring = Measuring(session)
        self._text = Caption(lines=2)
        self._text.setToolTip(
            "Volume, or area of a picture; the longest diameter on an axial slice and the longest at right "
            "angles to it; the mean of the stored values."
        )
        self.body.addWidget(self._text)
        links = Links(self)
        links.connect(session.proposal_changed, self._on_proposal)
        links.connect(session.propagation_changed, self._on_proposal)
        for signal in (session.labels_changed, session.classes_changed, session.volume_changed):
            links.connect(signal, self._on_labels)
        links.connect(self._measuring.changed, self._on_measured)
        self._on_labels()

    @property
    def text(self) -> str:
        """What it says."""
        return str(self._text.text())

    def _on_proposal(self, *_: object) -> None:
        if not self._session.is_propagating:  # at its end
            self._measuring.measure_object()

    def _on_labels(self, *_: object) -> None:
        self.setVisible(self._session.volume is not None)
        self._measuring.measure_class()

    def _on_measured(self) -> None:
        self._text.setText(measured_text(self._session, self._measuring.object, self._measuring.of_class))
