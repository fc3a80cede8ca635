"""A teacher made for tests: a network of a few thousand weights, in the store like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.checkpoint import write_state
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

_ENCODERS = {
    "tiny_vit": {
        "widths": (8, 16, 16, 24),
        "depths": (1, 1, 1, 1),
        "heads": (1, 2, 2, 2),
        "windows": (4,) * 4,
    },
    "sam_vit": {"image_size": 64, "width": 16, "depth": 2, "heads": 2, "window": 3},
}
CARD = ModelCard(
    id="small-teacher",
    title="Small teacher",
    architecture=Architecture(
        encoder="tiny_vit",
        encoder_options=_ENCODERS["tiny_vit"],
        grid=4,
        decoder_options={"mlp_dim": 32},
        masks="one",
    ),
    preprocessing=Preprocessing(size=64, normalise="min-max"),
    capabilities=frozenset({"box"}),
    licence="Apache-2.0",
)


def install(folder: Path, encoder: str = "tiny_vit") -> ModelCard:
    """Write the teacher's weights and put it into the store; `encoder` is "tiny_vit" or "sam_vit"."""
    shape = {"encoder": encoder, "encoder_options": _ENCODERS[encoder]}
    card = CARD.model_copy(update={"architecture": CARD.architecture.model_copy(update=shape)})
    torch.manual_seed(0)
    model = build_model(card.architecture, card.preprocessing)
    write_state(model.state_dict(), folder / "model.safetensors")
    return ModelStore().install(card, {"model.safetensors": folder / "model.safetensors"})
