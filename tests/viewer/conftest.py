"""A viewer without a window, a session that answers at once, and somebody who answers questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medkd.session.session import Session
from napari_medkd.session.state import OverlapRule, Pending
from napari_medkd.session.worker import SyncWorker
from napari_medkd.viewer.preview import Preview
from napari_medkd.viewer.tools import MouseTools
from napari_medkd.viewer.watch import LayerWatch
from napari_medkd.viewer.workspace import Workspace
from tests.doubles import ThresholdSegmenter
from tests.viewer.mouse import ModelMouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari.layers import Image, Layer

    from napari_medkd.errors import MedkdError


@dataclass
class Answers:
    """Answers questions as told, and remembers them."""

    pending: Pending = Pending.KEEP
    overlap: OverlapRule | None = None
    resume: bool = True
    asked: list[str] = field(default_factory=list)

    def ask_pending(self, sentence: str, *, can_join: bool = False) -> Pending:
        self.asked.append(sentence)
        return self.pending

    def ask_overlap(self, conflict: Any) -> OverlapRule | None:
        self.asked.append(str(conflict))
        return self.overlap

    def ask_resume(self, recovery: Any) -> bool:
        self.asked.append("resume")
        return self.resume

    def confirm(self, title: str, sentence: str, action: str) -> bool:
        self.asked.append(sentence)
        return True


class Desk:
    """All of the viewer side that needs no window."""

    def __init__(self, folder: Path | None = None):
        self.viewer = ViewerModel()
        self.session = Session(SyncWorker(), folder)
        self.segmenter = ThresholdSegmenter()
        self.session.set_segmenter(self.segmenter)
        self.answers = Answers()
        self.errors: list[MedkdError] = []
        self.later: list[Callable[[], None]] = []
        self.workspace = Workspace(self.viewer, self.session, self.answers, self.errors.append)
        self.preview = Preview(self.session)
        self.tools = MouseTools(self.workspace, self.preview)
        self.watch = LayerWatch(self.workspace, self.later.append)

    def open(self, data: Any, tool: str = "box", **options: Any) -> Image:
        image = self.viewer.add_image(data, name="scan", **options)
        assert self.workspace.open(image)
        self.tools.activate(tool)
        return image

    def mouse(self, layer: Layer | None = None) -> ModelMouse:
        return ModelMouse(self.viewer, layer or self.workspace.image)

    def run_later(self) -> None:
        actions, self.later[:] = list(self.later), []
        for action in actions:
            action()

    def layer(self, kind: str) -> Any:
        return self.viewer.layers[f"scan – {kind}"]

    @property
    def mask(self) -> np.ndarray:
        assert self.session.proposal is not None
        return self.session.proposal.mask


@pytest.fixture
def desk() -> Iterator[Desk]:
    one = Desk()
    yield one
    one.workspace.discard()


@pytest.fixture
def picture() -> np.ndarray:
    """A dark picture (40, 50) with two bright squares."""
    data = np.zeros((40, 50), np.uint8)
    data[5:15, 10:20] = 200
    data[25:35, 30:45] = 200
    return data


@pytest.fixture
def volume() -> np.ndarray:
    """A dark volume (6, 30, 40) with a bright cuboid at [1:5, 10:20, 15:30]."""
    data = np.zeros((6, 30, 40), np.uint8)
    data[1:5, 10:20, 15:30] = 200
    return data
