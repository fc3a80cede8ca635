"""Encoders from descriptions: what the operations do, what the sizes are, and what is refused."""

from __future__ import annotations

import pytest
import torch

from napari_medkd.errors import InvalidSetting, UnknownName
from napari_medkd.models.encoders import create_encoder
from napari_medkd.models.encoders.blueprint import Edge, StagePlan, blueprint, chain, preset, read_operation
from napari_medkd.models.encoders.operations import build_operation
from napari_medkd.models.encoders.searched import SearchedEncoder, Stage

NAMES = ("conv3", "conv5", "ds3", "ds5", "mb3_e4", "mb5_e4", "mb3_e6", "fmb_e4", "litemla", "pw", "skip")


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_keeps_the_shape_and_adds_to_its_input(name):
    operation = build_operation(name, 8, 8).eval()
    maps = torch.randn(2, 8, 6, 6)
    out = operation(maps)
    assert out.shape == maps.shape
    silent = [p for p in operation.parameters() if p.ndim == 1]  # scale and offset of the norms
    with torch.no_grad():
        for parameter in silent:
            parameter.zero_()
        assert torch.allclose(operation(maps), maps, atol=1e-6)
    if name not in ("skip", "litemla"):
        assert build_operation(name, 8, 16, stride=2).eval()(maps).shape == (2, 16, 3, 3)


def test_names_say_kernel_and_expansion():
    assert read_operation("mb5_e4") == ("mb", 5, 4) and read_operation("fmb_e16") == ("fmb", 3, 16)
    assert build_operation("mb3_e6", 4, 4).operation.inverted_conv.conv.out_channels == 24
    with pytest.raises(UnknownName, match="conv4"):
        read_operation("conv4")


def test_nodes_are_the_sums_of_their_edges():
    plan = StagePlan(
        width=4,
        down="conv3",
        edges=(
            Edge(source=0, target=2, operations=("skip",)),
            Edge(source=0, target=1, operations=("skip", "skip")),
            Edge(source=1, target=2, operations=("skip",)),
        ),
    )
    stage = Stage(3, plan).eval()
    image = torch.randn(1, 3, 8, 8)
    assert torch.allclose(stage(image), 3 * stage.down(image))


@pytest.mark.parametrize(("size", "millions"), [("l0", 30.77), ("l1", 43.64), ("l2", 57.34)])
def test_the_papers_sizes_have_its_parameters(size, millions):
    """With the decoder's 4.06 million they are the table's 34.8, 47.7 and 61.3."""
    with torch.device("meta"):
        encoder = create_encoder("searched", size=size)
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


def test_the_embedding_has_the_grid_of_its_cells_and_the_stages_their_strides():
    stages = [chain(width, "conv3", ()).model_dump() for width in (4, 4, 8, 8, 16)]
    for cell in (8, 16):
        encoder = create_encoder("searched", stages=stages, neck_width=8, cell=cell).eval()
        assert isinstance(encoder, SearchedEncoder)
        embedding, maps = encoder.look(torch.randn(1, 3, 64, 64))
        assert embedding.shape == (1, 256, 64 // cell, 64 // cell)
        assert [64 // one.shape[-1] for one in maps] == [2, 4, 8, 16, 32]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"stages": ()}, "stages"),
        ({"mixing": "fused", "cell": 16}, "cells of 8"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_wrong_description_is_a_sentence(change, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        blueprint({**preset("l0").model_dump(), **change})


def test_an_edge_leads_forwards_and_every_node_is_reached():
    with pytest.raises(ValueError, match="later node"):
        Edge(source=1, target=1, operations=("pw",))
    with pytest.raises(ValueError, match="needs an edge"):
        StagePlan(width=4, down="conv3", edges=(Edge(source=0, target=2, operations=("pw",)),))
    with pytest.raises(ValueError, match="halve"):
        StagePlan(width=4, down="skip")
    with pytest.raises(UnknownName, match="l9"):
        preset("l9")
