"""What tests of training share: a run's end without what takes most of its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_medkd.models.checkpoint import write_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context


@pytest.fixture
def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a run's weights and no package: graphs take most of the time; one test a recipe makes them."""
    monkeypatch.setattr("src_training.run.export", _weights)


def _weights(model: PromptableModel, card: Any, config: Any, context: Context, figures: Any) -> Path:
    place = context.folder / "model"
    place.mkdir(exist_ok=True)
    write_state(model.state_dict(), place / "model.safetensors")
    return place


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums are then always taken in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
