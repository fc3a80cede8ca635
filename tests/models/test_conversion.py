from __future__ import annotations

import pytest
import torch

from napari_medkd.models import catalogue
from napari_medkd.models.conversion import KEY_MAPS, convert, load_checkpoint
from tests.models import official


@pytest.mark.parametrize(
    ("key_map", "theirs", "ours"),
    [
        ("same", "blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.weight"),
        ("edge-sam", "features.0.2.bn.weight", "stem.conv2.bn.weight"),
        ("edge-sam", "features.3.token_mixer.0.conv1.c.weight", "stages.0.2.token_mixer.conv1.c.weight"),
        ("edge-sam", "features.4.token_mixer.0.c.weight", "stages.1.0.spatial.c.weight"),
        ("edge-sam", "features.4.channel_mixer.m.2.bn.bias", "stages.1.0.channel_mixer.conv2.bn.bias"),
        ("edge-sam", "features.26.channel_mixer.m.0.c.weight", "stages.3.2.channel_mixer.conv1.c.weight"),
        ("edge-sam", "fuse_stage3.op_list.0.weight", "fuse.coarse.weight"),
        ("repvit-sam", "features.1.token_mixer.0.bn.weight", "stages.0.0.token_mixer.bn.weight"),
        ("repvit-sam", "features.8.token_mixer.0.bn.weight", "stages.1.0.spatial.bn.weight"),
        ("repvit-sam", "features.54.token_mixer.0.conv1.bias", "stages.3.2.token_mixer.conv1.bias"),
        ("efficientvit-sam", "backbone.stages.0.op_list.0.norm.bias", "stem.in_conv.norm.bias"),
        (
            "efficientvit-sam",
            "backbone.stages.0.op_list.1.main.conv2.conv.weight",
            "stem.res0.main.conv2.conv.weight",
        ),
        ("efficientvit-sam", "neck.input_ops.0.op_list.0.conv.weight", "neck.lateral.2.conv.weight"),
        ("efficientvit-sam", "norm.weight", "norm.weight"),
    ],
)
def test_names(key_map, theirs, ours):
    assert KEY_MAPS[key_map](theirs) == ours


@pytest.mark.parametrize("key_map", KEY_MAPS)
@pytest.mark.parametrize("name", ["features.99.token_mixer.0.c.weight", "head.weight", "features.x", ""])
def test_names_that_no_map_knows_are_kept_to_be_reported(key_map, name):
    assert KEY_MAPS[key_map](name) == name


@pytest.mark.parametrize("model_id", ["edge-sam", "repvit-sam", "efficientvit-sam-l2"])
def test_no_two_tensors_get_one_name_and_values_are_untouched(model_id):
    entry = catalogue.entry(model_id)
    state = {name: object() for name in official.shapes(model_id)}
    converted = convert(state, entry)
    assert set(converted.values()) == set(state.values())
    assert convert(converted, entry) == converted  # our own names stay as they are


def test_only_what_the_catalogue_lists_is_dropped():
    entry = catalogue.entry("mobile-sam")
    state = {name: object() for name in official.shapes("mobile-sam")} | {"image_encoder.extra": object()}
    dropped = state.keys() - convert(state, entry).keys()
    assert dropped == entry.dropped
    assert {name.split(".")[1] for name in dropped} == {"head", "norm_head"}


def test_a_file_is_read_and_renamed(tmp_path):
    entry = catalogue.entry("edge-sam")
    torch.save({"image_encoder.fuse_stage2.weight": torch.ones(2)}, tmp_path / "edge_sam.pth")
    state = load_checkpoint(tmp_path / "edge_sam.pth", entry)
    assert list(state) == ["image_encoder.fuse.fine.weight"]
