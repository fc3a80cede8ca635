"""Objects that stay where they are from slice to slice: how they move is tested once, and takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.inference.volumetric import motion

if TYPE_CHECKING:
    import pytest


def stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have outlines carried from a slice to the next as they are."""

    def carried(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.clip(motion._signed(mask), -4, 4)

    monkeypatch.setattr(motion, "carried", carried)
