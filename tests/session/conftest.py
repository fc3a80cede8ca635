from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker
from tests.doubles import ManualWorker, ThresholdSegmenter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLANE = Plane(0, 2)
LEFT = Prompt(PLANE, points=(Point(8, 8),))  # on the 10 by 15 block
RIGHT = Prompt(PLANE, points=(Point(25, 40),))  # on the 10 by 20 block
BOTH = Prompt(PLANE, box=Box(0, 0, 36, 56))


@pytest.fixture
def volume() -> Volume:
    """Two bright blocks on slice 2, of 150 and 200 pixels, and one on slice 4."""
    data = np.zeros((7, 37, 57), np.uint8)
    data[2, 5:15, 5:20] = 200
    data[2, 20:30, 30:50] = 220
    data[4, 10:20, 10:20] = 200
    return Volume.from_array(data, geometry=Geometry.image(data.shape, (3.0, 0.7, 0.8)))


@pytest.fixture
def segmenter() -> ThresholdSegmenter:
    return ThresholdSegmenter()


@pytest.fixture
def session(volume: Volume, segmenter: ThresholdSegmenter, tmp_path: Path) -> Iterator[Session]:
    """A session that answers at once, on slice 2."""
    session = Session(SyncWorker(), tmp_path / "journal")
    session.set_segmenter(segmenter)
    session.open(volume)
    session.set_plane(PLANE)
    yield session
    let_go(session)


@pytest.fixture
def worker() -> ManualWorker:
    return ManualWorker()


@pytest.fixture
def waiting(volume: Volume, segmenter: ThresholdSegmenter, worker: ManualWorker) -> Session:
    """A session on slice 2 whose model does nothing until told."""
    session = Session(worker)
    session.set_segmenter(segmenter)
    session.open(volume)
    session.set_plane(PLANE)
    return session


def let_go(session: Session) -> None:
    """Leave the journal as a crash would: without asking about the proposal."""
    session._let_go()


def heard(signal: object) -> list[object]:
    """Collect what a signal emits."""
    got: list[object] = []
    signal.connect(lambda *values: got.append(values[0] if values else None))  # type: ignore[attr-defined]
    return got
