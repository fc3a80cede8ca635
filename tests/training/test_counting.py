"""Counts that can be done by hand, and those of KD-SAM's student."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.encoders import create_encoder
from napari_medkd.models.encoders.efficientvit import LinearAttention
from napari_medkd.models.promptable import build_model
from src_training.counting import count


class Patches(nn.Module):
    """One convolution: 8×8 pixels of 3 channels to 256."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 256, 8, stride=8)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layer(image)


def test_parameters_and_products_are_counted():
    card = ModelCard(
        id="counted",
        title="Counted",
        architecture=Architecture(
            encoder="tiny_vit",
            encoder_options={
                "widths": (8, 8, 8, 8),
                "depths": (1,) * 4,
                "heads": (1,) * 4,
                "windows": (4,) * 4,
            },
            grid=8,
        ),
        preprocessing=Preprocessing(size=64),
        capabilities=frozenset({"box"}),
    )
    model = build_model(card.architecture, card.preprocessing)
    model.image_encoder = Patches()
    figures = count(model, card)
    assert figures["encoder_parameters"] == 256 * 3 * 64 + 256
    assert figures["encoder_gmac"] == pytest.approx(64 * 256 * 3 * 64 / 1e9)
    # Those of SAM, as counted in the published checkpoints.
    assert figures["prompt_encoder_parameters"] == 6_220
    assert figures["decoder_parameters"] == 4_058_340
    assert figures["parameters"] == 256 * 3 * 64 + 256 + 6_220 + 4_058_340
    assert 0 < figures["decoder_gmac"] < 1


def test_linear_attention_is_counted_without_any_values():
    with torch.device("meta"):
        attention, maps = LinearAttention(16, 8), torch.zeros(1, 16, 4, 4)
        with FlopCounterMode(display=False) as counter:
            attention(maps)
    pixels, heads, fused, side = 16, 4, 48, 8
    mixed = pixels * (16 * fused + 25 * fused + fused * side + 32 * 16)  # convolutions
    attended = heads * pixels * (2 * side * side + side)  # V·Kᵀ, that times Q, ΣK times Q
    assert counter.get_total_flops() == 2 * (mixed + attended)


def test_the_encoder_of_kd_sam_is_the_papers_26_4_million_within_a_percent():
    with torch.device("meta"):
        encoder = create_encoder(
            "pyramid", backbone="resnet50", width=256, blocks=3, mixing="dense", finer=False
        )
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    assert parameters == 26_264_128 and abs(parameters / 26.4e6 - 1) < 0.01
