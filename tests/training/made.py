"""A data set made for tests: bright discs and squares on noise, in the layout of a real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from skimage.io import imsave

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing

if TYPE_CHECKING:
    from pathlib import Path


def make_set(folder: Path, count: int = 6, side: int = 80) -> Path:
    """Write `count` pictures with their masks; the last two are for validation."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    y, x = np.mgrid[:side, :side]
    for number in range(count):
        centre = rng.uniform(0.35, 0.65, 2) * side
        mask = np.hypot(y - centre[0], x - centre[1]) < side * rng.uniform(0.12, 0.25)
        image = rng.integers(30, 80, (side, side, 3)) + 130 * mask[..., None]
        imsave(folder / "images" / f"{number:02d}.png", image.astype(np.uint8), check_contrast=False)
        imsave(folder / "masks" / f"{number:02d}.png", (255 * mask).astype(np.uint8), check_contrast=False)
    names = [f"{number:02d}" for number in range(count)]
    about = {
        "name": folder.name,
        "licence": "CC0.",
        "splits": {"train": names[:-2], "val": names[-2:], "test": names[-2:]},
    }
    (folder / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def make_teacher(model_id: str = "teacher", encoder: str = "sam_vit") -> ModelCard:
    """Install a tiny model with random weights in the user's store: SAM's ViT, or a TinyViT."""
    import torch

    from napari_medkd.models.checkpoint import write_state
    from napari_medkd.models.promptable import build_model
    from napari_medkd.models.store import ModelStore

    options = {
        "sam_vit": {"image_size": 64, "width": 16, "depth": 2, "heads": 2, "window": 3},
        "tiny_vit": {
            "widths": (8, 8, 16, 16),
            "depths": (1,) * 4,
            "heads": (1, 1, 2, 2),
            "windows": (4,) * 4,
        },
    }
    card = ModelCard(
        id=model_id,
        title="Teacher",
        architecture=Architecture(
            encoder=encoder,
            encoder_options=options[encoder],
            grid=4,
            decoder_options={"mlp_dim": 32},
            masks="one",
        ),
        preprocessing=Preprocessing(size=64, normalise="min-max"),
        capabilities=frozenset({"box"}),
        licence="Apache-2.0",
    )
    torch.manual_seed(0)
    network = build_model(card.architecture, card.preprocessing)
    store = ModelStore()
    store.folder.mkdir(parents=True, exist_ok=True)
    path = store.folder / "weights.safetensors"
    write_state(network.state_dict(), path)
    return store.install(card, {path.name: path})
