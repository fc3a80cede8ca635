"""A teacher made for tests: a TinyViT of a few thousand weights, in the store like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.checkpoint import write_state
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

CARD = ModelCard(
    id="small-teacher",
    title="Small teacher",
    architecture=Architecture(
        encoder="tiny_vit",
        encoder_options={
            "widths": (8, 16, 16, 24),
            "depths": (1, 1, 1, 1),
            "heads": (1, 2, 2, 2),
            "windows": (4,) * 4,
        },
        grid=4,
        decoder_options={"mlp_dim": 32},
        masks="one",
    ),
    preprocessing=Preprocessing(size=64, normalise="min-max"),
    capabilities=frozenset({"box"}),
)


def install(folder: Path) -> ModelCard:
    """Write the teacher's weights and put it into the store."""
    torch.manual_seed(0)
    model = build_model(CARD.architecture, CARD.preprocessing)
    write_state(model.state_dict(), folder / "model.safetensors")
    return ModelStore().install(CARD, {"model.safetensors": folder / "model.safetensors"})
