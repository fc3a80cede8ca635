"""Take in a bare checkpoint of a known model: recognise it, rename its tensors, check that they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.errors import ModelUnavailable, missing_extra
from napari_medkd.models import catalogue
from napari_medkd.models.checkpoint import check_state
from napari_medkd.models.conversion import load_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from napari_medkd.models.card import ModelCard


def adopt(path: Path, model_id: str = "") -> tuple[ModelCard, dict[str, Tensor]]:
    """Recognise a published checkpoint.

    Parameters
    ----------
    path : Path
        The file as its authors publish it, or a fine-tuned one of the same network.
    model_id : str
        Which model of the catalogue it is; by default it is recognised.

    Returns
    -------
    card : ModelCard
        What the model is, without files.
    state : dict of str to Tensor
        Its weights under our names; they fit the network of the card.
    """
    entry = catalogue.entry(model_id) if model_id else catalogue.identify(path)
    if entry is None:
        raise ModelUnavailable(
            f"{path.name} is not a checkpoint of a known model.",
            f"Known: {', '.join(known.card.title for known in catalogue.entries())}. "
            "Other models are added as a package: a folder or zip file with card.json and the weights.",
        )
    state = load_checkpoint(path, entry)
    _check_fit(entry.card, state)
    return entry.card, state


def _check_fit(card: ModelCard, state: dict[str, Tensor]) -> None:
    """Compare names and shapes with the network of the card, which costs no memory."""
    try:
        import torch

        from napari_medkd.models.promptable import build_model
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "torch", f"Adding {card.title}") from error
    with torch.device("meta"):
        model = build_model(card.architecture, card.preprocessing)
    check_state(model, state, card.title)
