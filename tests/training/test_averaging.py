"""The mean of models' weights: what it is, when it is taken, and what cannot be averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_medkd.errors import ModelUnavailable
from napari_medkd.models.checkpoint import write_state
from napari_medkd.models.store import ModelStore
from src_training.averaging import average_with
from src_training.tasks.modality import ModalityTask
from tests.models.decoders.test_modality import KINDS, make_card, make_model

if TYPE_CHECKING:
    from pathlib import Path


class Listener:
    """Keeps what the user would be told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def warn(self, message: str, hint: str = "") -> None:
        """Take it down."""
        self.told.append(message)


def installed(folder: Path, name: str, value: float, kinds: tuple[str, ...] = KINDS) -> str:
    """Install a model whose weights are all the same number."""
    card = make_card(kinds).model_copy(update={"id": name})
    state = {
        key: torch.full_like(part, value) if part.is_floating_point() else part
        for key, part in make_model(card).state_dict().items()
    }
    write_state(state, folder / f"{name}.safetensors")
    ModelStore().install(card, {"model.safetensors": folder / f"{name}.safetensors"})
    return name


def task_of(value: float) -> ModalityTask:
    task = ModalityTask(make_model(make_card()))
    for part in task.model.state_dict().values():
        if part.is_floating_point():
            part.fill_(value)
    return task


def level(task: Any) -> float:
    """Return the number that all weights are."""
    values = torch.cat([part.detach().flatten() for part in task.model.parameters()])
    assert float(values.max() - values.min()) < 1e-3
    return float(values.mean())


def test_each_model_counts_as_much_as_any_other(tmp_path):
    others = [installed(tmp_path, "one", 2.0), installed(tmp_path, "other", 6.0)]
    task, listener = task_of(1.0), Listener()
    context: Any = listener
    figures = average_with(task, others, lambda seen: {"score": level(seen)}, context)
    assert level(task) == pytest.approx(3.0, abs=1e-3)
    assert figures == {"score": pytest.approx(3.0, abs=1e-3), "alone": pytest.approx(1.0)}
    assert not listener.told


def test_a_mean_that_is_worse_is_not_taken_and_that_is_said(tmp_path):
    task, listener = task_of(1.0), Listener()
    context: Any = listener
    name = installed(tmp_path, "one", 3.0)
    figures = average_with(task, [name], lambda seen: {"score": -level(seen)}, context)
    assert level(task) == 1.0 and figures == {"score": -1.0}
    assert "one was worse" in listener.told[0]


def test_another_network_cannot_be_averaged_with(tmp_path):
    name = installed(tmp_path, "wider", 1.0, (*KINDS, "xray"))
    with pytest.raises(ModelUnavailable, match="unexpected"):
        average_with(task_of(1.0), [name], lambda _: {"score": 0.0}, Listener())  # type: ignore[arg-type]
