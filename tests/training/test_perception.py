"""The perceptual loss by hand, and what looks at the embeddings."""

from __future__ import annotations

import pytest
import torch

from napari_medkd.errors import InvalidSetting, ModelUnavailable
from napari_medkd.models.card import Architecture, Preprocessing
from napari_medkd.models.promptable import PromptableModel, build_model
from src_training.losses.perceptual import perceptual_loss, variance
from src_training.perception import DecoderPhi, Perception, VggPhi, principal

CPU = torch.device("cpu")


def embeddings(count: int = 3, grid: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 256, grid, grid, generator=torch.Generator().manual_seed(seed))


def teacher() -> PromptableModel:
    torch.manual_seed(0)
    architecture = Architecture(
        encoder="tiny_vit",
        encoder_options={"widths": (8, 8, 8, 8), "depths": (1,) * 4, "heads": (1,) * 4, "windows": (4,) * 4},
        grid=8,
        decoder_options={"mlp_dim": 32},
    )
    return build_model(architecture, Preprocessing(size=64))


def numbers(count: int = 3) -> torch.Tensor:
    return torch.arange(count)


def test_the_loss_is_the_mean_over_layers_in_units_of_their_variance():
    ours = [torch.zeros(1, 2, 1, 2), torch.zeros(1, 1, 1, 1)]
    theirs = [torch.tensor([[[[1.0, 1.0]], [[3.0, 1.0]]]]), torch.full((1, 1, 1, 1), 4.0)]
    by_hand = ((1 + 1 + 9 + 1) / 4 / 2 + 16 / 8) / 2
    assert perceptual_loss(ours, theirs, [2.0, 8.0]).item() == pytest.approx(by_hand)


def test_its_gradient_goes_from_the_student_to_the_teacher():
    student = torch.zeros(1, 1, 2, 2, requires_grad=True)
    target = torch.tensor([[[[1.0, -2.0], [0.0, 0.0]]]])
    perceptual_loss([student], [target], [0.5]).backward()
    assert student.grad is not None
    assert torch.allclose(student.grad, -2 * target / 4 / 0.5)


def test_a_student_that_always_answers_the_mean_loses_1():
    maps = embeddings()
    mean = maps.mean((0, 2, 3), keepdim=True).expand_as(maps)
    assert perceptual_loss([mean], [maps], [variance(maps)]).item() == pytest.approx(1, abs=1e-4)


def test_the_variance_leaves_out_the_padding():
    maps = torch.tensor([[[[1.0, 3.0, 100.0]]]])
    assert variance(maps, torch.tensor([[[[1.0, 1.0, 0.0]]]])) == pytest.approx(1)


def test_the_decoders_maps_are_those_that_it_makes_itself_of_a_box():
    model = teacher()
    seen: list[torch.Tensor] = []
    model.mask_decoder.output_upscaling.register_forward_hook(lambda *call: seen.append(call[2]))
    phi = DecoderPhi(model, 8, 4, CPU)
    maps = embeddings(2, grid=8)
    with torch.no_grad():
        (found,) = phi(maps, torch.tensor([1, 6]))  # the box 1, and 6 of 4: the box 2
        seen.clear()
        dense = model.embed_no_mask(maps)
        model.decode_embedded([maps], phi._sparse[[1, 2]], dense)
    assert found.shape == (2, 32, 32, 32) and torch.allclose(found, seen[0], atol=1e-5)


def test_the_decoder_looks_at_any_grid_and_stays_frozen():
    model = teacher()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    perception = Perception(DecoderPhi(model, 4, 8, CPU), embeddings())
    student = embeddings(seed=1).requires_grad_()
    inside = torch.ones(3, 1, 4, 4)
    inside[..., 3] = 0
    perception(student, embeddings(), inside, numbers()).backward()
    assert student.grad is not None and student.grad[..., :3].abs().sum() > 0
    assert student.grad[..., 3].abs().sum() == 0  # the padding is the teacher's own
    assert all(parameter.grad is None for parameter in model.mask_decoder.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_same_embeddings_are_seen_alike():
    perception = Perception(DecoderPhi(teacher(), 4, 8, CPU), embeddings())
    same = perception(embeddings(), embeddings(), torch.ones(3, 1, 4, 4), numbers())
    assert same.item() == 0 and len(perception.scales) == 1 and perception.scales[0] > 0


def test_principal_directions_are_found_with_their_signs():
    chance = torch.Generator().manual_seed(0)
    rows = torch.randn(400, 5, generator=chance, dtype=torch.float64) * torch.tensor([1, 9, 0.1, 4, 2])
    mean, directions = principal(rows + 7, 3)
    assert torch.allclose(mean, torch.full((5,), 7.0, dtype=torch.float64), atol=1)
    assert directions.abs().argmax(0).tolist() == [1, 3, 4]
    assert bool((directions.amax(0) > 0.9).all())


def test_vgg_sees_the_range_of_the_teacher_and_gives_four_maps(monkeypatch):
    maps, inside = embeddings(), torch.ones(3, 1, 4, 4)
    phi = VggPhi(maps, inside, "", 32, CPU, seed=1)
    shown = torch.nn.functional.conv2d(maps, phi._weight, phi._bias)
    values = shown * torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    values = values + torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    assert torch.allclose(values.amin((0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(values.amax((0, 2, 3)), torch.ones(3), atol=1e-4)
    found = phi(maps, numbers())
    assert [tuple(one.shape[1:]) for one in found] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
    again = VggPhi(maps, inside, "", 32, CPU, seed=1)(maps, numbers())
    other = VggPhi(maps, inside, "", 32, CPU, seed=2)(maps, numbers())
    assert torch.equal(found[0], again[0]) and not torch.equal(found[0], other[0])


def test_vggs_weights_come_from_a_file_of_the_whole_network(tmp_path):
    maps, inside = embeddings(), torch.ones(3, 1, 4, 4)
    own = VggPhi(maps, inside, "", 32, CPU, seed=1)
    state = {f"features.{name}": value for name, value in own._network.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg16.pth")
    read = VggPhi(maps, inside, str(tmp_path / "vgg16.pth"), 32, CPU)
    assert torch.equal(read(maps, numbers())[-1], own(maps, numbers())[-1])
    torch.save({name: value for name, value in state.items() if ".21." not in name}, tmp_path / "half.pth")
    with pytest.raises(ModelUnavailable, match="VGG-16"):
        VggPhi(maps, inside, str(tmp_path / "half.pth"), 32, CPU)
    with pytest.raises(InvalidSetting, match="VGG-16"):
        VggPhi(maps, inside, str(tmp_path / "none.pth"), 32, CPU)
