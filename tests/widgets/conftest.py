"""A session with a small image and a model that thresholds, and someone who answers questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QWidget

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import guess_window
from napari_medkd.session.session import Session
from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending
from napari_medkd.session.worker import SyncWorker
from napari_medkd.widgets import SegmentPanel
from tests.doubles import ThresholdSegmenter

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

PLANE = Plane(0, 1)
INSIDE = Prompt(PLANE, (Point(12, 12),))  # on the first bright square


@dataclass
class Answers:
    """Answers questions with what a test says, and remembers them."""

    pending: Pending = Pending.KEEP
    overlap: OverlapRule | None = None
    resume: bool = True
    yes: bool = True
    asked: list[str] = field(default_factory=list)

    def ask_pending(self, sentence: str, *, can_join: bool = False) -> Pending:
        self.asked.append(sentence)
        return self.pending

    def ask_overlap(self, conflict: OverlapConflict) -> OverlapRule | None:
        self.asked.append(conflict.message)
        return self.overlap

    def ask_resume(self, recovery: Any) -> bool:
        self.asked.append(str(recovery))
        return self.resume

    def confirm(self, title: str, sentence: str, action: str) -> bool:
        self.asked.append(sentence)
        return self.yes


def ct() -> Volume:
    """Return three slices with two bright squares each, in Hounsfield units."""
    data = np.full((3, 40, 60), -800, np.int16)
    data[:, 8:18, 8:18] = 900
    data[:, 20:30, 30:45] = 900
    geometry = Geometry.image(data.shape, (3.0, 0.7, 0.7))
    geometry = Geometry(geometry.shape, geometry.affine, from_file=True)
    return Volume(data, geometry, "CT", guess_window(data, "CT"), "abdomen")


@pytest.fixture(autouse=True)
def _clean(no_widgets_left: None) -> None:
    """Every test here must take its windows away."""


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def empty_session() -> Session:
    return Session(SyncWorker())


@pytest.fixture
def session(empty_session: Session) -> Session:
    empty_session.open(ct())
    empty_session.set_plane(PLANE)
    empty_session.set_segmenter(ThresholdSegmenter(threshold=200))
    return empty_session


@pytest.fixture
def panel(session: Session, answers: Answers, qtbot: QtBot) -> SegmentPanel:
    panel = SegmentPanel(session, asker=answers)
    qtbot.addWidget(panel)
    panel.resize(324, 900)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


@pytest.fixture
def button() -> Callable[[QWidget, str], QAbstractButton]:
    """Find a button by its accessible name."""

    def find(parent: QWidget, name: str) -> QAbstractButton:
        found = [child for child in parent.findChildren(QAbstractButton) if child.accessibleName() == name]
        assert len(found) == 1, f"{len(found)} buttons are named {name!r}"
        return found[0]

    return find
