"""How large a network is and what a look costs, counted and not estimated."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel


@torch.no_grad()
def count(model: PromptableModel, card: ModelCard) -> dict[str, float]:
    """Return the parameters of a model's parts and the multiply-accumulates of one image and of one click.

    Returns
    -------
    figures : dict
        ``encoder_parameters``, ``prompt_encoder_parameters``, ``decoder_parameters``, ``parameters`` (all of
        them), ``encoder_gmac`` and ``decoder_gmac`` in 10⁹: convolutions, matrix products and attention.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)  # the counter trips over what could learn
    parts = {
        "encoder": model.image_encoder,
        "prompt_encoder": model.prompt_encoder,
        "decoder": model.mask_decoder,
    }
    figures = {
        f"{name}_parameters": float(sum(parameter.numel() for parameter in part.parameters()))
        for name, part in parts.items()
    }
    device = next(model.parameters()).device
    image = torch.zeros(1, 3, card.preprocessing.size, card.preprocessing.size, device=device)
    point = torch.zeros(1, 2, 2, device=device)
    labels = torch.tensor([[1.0, -1.0]], device=device)
    features = model.encode(image)
    figures["parameters"] = sum(figures.values())
    figures["encoder_gmac"] = _gmac(lambda: model.encode(image))
    figures["decoder_gmac"] = _gmac(lambda: model.decode(features, point, labels))
    return figures


def _gmac(call: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops()) / 2e9
