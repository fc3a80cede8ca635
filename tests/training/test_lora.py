"""LoRA: the split is exact in both layouts, nothing changes before a step, merging gives the base's names."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.card import Architecture, Preprocessing
from napari_medkd.models.encoders import create_encoder
from napari_medkd.models.promptable import build_model
from src_training.lora import SplitQkv, adapt, low_rank, merge, split_qkv

SAM = ("sam_vit", {"image_size": 64, "width": 48, "depth": 3, "heads": 2, "window": 3})
TINY = (
    "tiny_vit",
    {"widths": (8, 16, 20, 40), "depths": (1, 1, 2, 1), "heads": (1, 2, 5, 10), "windows": (4, 4, 4, 4)},
)
BLOCKS = {"sam_vit": 3, "tiny_vit": 4}


def encoder(name: str, options: dict[str, object]) -> nn.Module:
    torch.manual_seed(0)
    network = create_encoder(name, **options).eval()
    for parameter in network.parameters():  # SAM's tables of positions begin as zeros
        nn.init.normal_(parameter, std=0.1)
    return network


def image() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def learnt(network: nn.Module) -> None:
    """Give the low-rank parts values, as training would."""
    torch.manual_seed(2)
    for name in low_rank(network):
        nn.init.normal_(network.get_parameter(name), std=0.3)


@pytest.mark.parametrize(("name", "options"), [SAM, TINY])
def test_splitting_changes_no_bit_and_is_undone(name, options):
    network = encoder(name, options)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.no_grad():
        before = network(image())
        assert split_qkv(network) == BLOCKS[name]
        assert torch.equal(network(image()), before)
    assert split_qkv(network) == 0
    joined = merge(network).state_dict()
    assert joined.keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in joined.items())


def test_the_two_layouts_find_the_queries_where_the_attention_looks():
    fused = nn.Linear(1, 12, bias=False)
    fused.weight.data = torch.arange(12.0)[:, None]
    assert SplitQkv(fused, heads=1).q_proj.weight.flatten().tolist() == [0, 1, 2, 3]
    assert SplitQkv(fused, heads=2).q_proj.weight.flatten().tolist() == [0, 1, 6, 7]
    assert SplitQkv(fused, heads=2).v_proj.weight.flatten().tolist() == [4, 5, 10, 11]


@pytest.mark.parametrize(("name", "options"), [SAM, TINY])
def test_an_adapted_network_begins_as_its_base_to_the_bit(name, options):
    network = encoder(name, options)
    with torch.no_grad():
        before = network(image())
        assert torch.equal(adapt(network, rank=2)(image()), before)
    learns = {key for key, parameter in network.named_parameters() if parameter.requires_grad}
    assert learns == set(low_rank(network)) and len(learns) == 4 * BLOCKS[name]
    assert not any("k_proj" in key for key in learns)


@pytest.mark.parametrize(("name", "options"), [SAM, TINY])
def test_merged_answers_like_unmerged_and_loads_like_the_base(name, options):
    network = adapt(encoder(name, options), rank=2, alpha=3)
    learnt(network)
    base = encoder(name, options)
    with torch.no_grad():
        expected = network(image())
        merged = merge(network)
        assert torch.allclose(merged(image()), expected, atol=1e-4)
        assert not torch.allclose(base(image()), expected, atol=1e-2)
        base.load_state_dict(merged.state_dict())
        assert torch.equal(base(image()), merged(image()))
        assert torch.equal(network(image()), expected)  # the adapted one is left as it was
    assert not any(isinstance(one, SplitQkv) for one in merged.modules())


def test_only_the_low_rank_parts_get_a_gradient_and_keys_never_move():
    network = adapt(encoder(*SAM), rank=2)
    network(image()).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == (name in low_rank(network)), name


def test_a_decoders_own_projections_are_not_adapted():
    architecture = Architecture(encoder="sam_vit", encoder_options=SAM[1], grid=4)
    model = build_model(architecture, Preprocessing(size=64))
    adapt(model)
    assert low_rank(model) and all(name.startswith("image_encoder.") for name in low_rank(model))


def test_an_encoder_without_attention_is_a_sentence():
    with pytest.raises(InvalidSetting, match="attention"):
        adapt(nn.Sequential(nn.Conv2d(3, 4, 1)))


def test_an_attention_of_unknown_layout_is_refused():
    holder = nn.Module()
    holder.qkv = nn.Linear(4, 12)
    with pytest.raises(InvalidSetting, match="not known"):
        split_qkv(nn.Sequential(holder))
