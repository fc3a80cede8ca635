"""The pyramid: its grids, its finer maps, its two necks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_medkd.errors import InvalidSetting, UnknownName
from napari_medkd.models.encoders import create_encoder
from napari_medkd.models.encoders.pyramid import DenseBlock, Neck

SMALL = {"backbone": "mobilenetv4_conv_small_035", "dim": 32, "width": 16}


def shapes(**options: object) -> list[tuple[int, ...]]:
    encoder = create_encoder("pyramid", **{**SMALL, **options}).eval()
    with torch.no_grad():
        return [tuple(maps.shape) for maps in encoder(torch.zeros(2, 3, 64, 96))]


def test_the_grid_has_a_cell_for_16_pixels_and_finer_maps_beside_it():
    assert shapes() == [(2, 32, 4, 6), (2, 8, 8, 12), (2, 4, 16, 24), (2, 2, 32, 48)]


def test_a_decoder_that_needs_no_finer_maps_is_given_none():
    assert shapes(finer=False) == [(2, 32, 4, 6)]
    assert shapes(finer=False, cell=8, mixing="dense") == [(2, 32, 8, 12)]


def test_there_are_no_finer_maps_for_cells_of_8():
    with pytest.raises(InvalidSetting, match="8"):
        create_encoder("pyramid", **SMALL, cell=8)


def test_an_unknown_backbone_is_a_sentence():
    with pytest.raises(UnknownName, match="no_such_net"):
        create_encoder("pyramid", backbone="no_such_net")


@pytest.mark.parametrize(("stage", "side"), [(0, 8), (1, 4)])
def test_every_stage_has_a_part_in_every_cell(stage, side):
    """With laterals that copy, each cell is the sum of what lies there in the three stages."""
    neck = Neck((1, 1, 1), dim=1, width=1, blocks=0, dense=True, stage=stage).eval()
    for lateral in neck.laterals:
        nn.init.ones_(lateral[0].weight)
    neck.out = nn.Identity()
    stages = [torch.full((1, 1, size, size), value) for size, value in ((8, 1.0), (4, 10.0), (2, 100.0))]
    summed = neck(stages)
    assert summed.shape == (1, 1, side, side)
    assert torch.allclose(summed, torch.full_like(summed, 111.0), atol=0.01)


def test_a_dense_block_is_a_residual_3x3_convolution():
    block = DenseBlock(4).eval()
    assert block.layers[0].weight.shape == (4, 4, 3, 3)
    nn.init.zeros_(block.layers[0].weight)
    maps = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(maps), maps)
