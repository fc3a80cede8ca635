"""Which graph of an encoder a run may take over from the model that it began with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_medkd.models.checkpoint import write_state
from napari_medkd.models.half import halved
from napari_medkd.models.package import ENCODER, WEIGHTS
from napari_medkd.models.store import ModelStore
from src_training.export import _known_encoder
from tests.training.made_teacher import CARD, install

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def context(tmp_path: Path) -> Any:
    install(tmp_path)
    graph, weights = tmp_path / "graph.onnx", tmp_path / "halved.safetensors"
    graph.write_bytes(b"a graph")
    write_state(halved(ModelStore().build(CARD.id).state_dict()), weights)  # as they are shipped
    ModelStore().install(CARD, {WEIGHTS: weights, ENCODER: graph})
    return SimpleNamespace(spec=SimpleNamespace(base=CARD.id))


def test_an_encoder_that_was_left_alone_keeps_its_graph(context: Any) -> None:
    model = ModelStore().build(CARD.id)
    with torch.no_grad():
        next(model.mask_decoder.parameters()).add_(1)
    known = _known_encoder(model, ModelStore().get(CARD.id), context)
    assert known is not None and known.read_bytes() == b"a graph"


def test_an_encoder_that_learnt_sees_otherwise_or_is_new_has_none(context: Any) -> None:
    model, card = ModelStore().build(CARD.id), ModelStore().get(CARD.id)
    stretched = card.preprocessing.model_copy(update={"fit": "stretch"})
    other = card.model_copy(update={"preprocessing": stretched})
    assert _known_encoder(model, other, context) is None
    assert _known_encoder(model, card, SimpleNamespace(spec=SimpleNamespace(base=""))) is None  # type: ignore[arg-type]
    with torch.no_grad():
        next(model.image_encoder.parameters()).add_(0.1)
    assert _known_encoder(model, card, context) is None
