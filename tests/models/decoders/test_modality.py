"""The decoder of kinds: whose bag and query answer, what the parts pass on, and how it is exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target
from napari_medkd.models.modality.generator import PatchPrompter
from napari_medkd.models.promptable import PromptableModel, build_model

KINDS = ("fundus", "ultrasound")
TINY = {"widths": (8, 16, 16, 16), "depths": (1, 1, 1, 1), "heads": (1, 1, 1, 1), "windows": (4,) * 4}


def make_card(kinds: tuple[str, ...] = KINDS, finer: bool = False, **options: Any) -> ModelCard:
    trunk = {"backbone": "mobilenetv4_conv_small_035"} if finer else {**TINY, "embedding_dim": 256}
    return ModelCard(
        id="kinds",
        title="Kinds",
        architecture=Architecture(
            encoder="routed",
            encoder_options={
                "trunk": "pyramid" if finer else "tiny_vit",
                "trunk_options": trunk,
                "kinds": len(kinds),
            },
            grid=4,
            embedding_dim=16,
            decoder="modality",
            decoder_options={
                "skips": [64, 32, 16] if finer else [],
                "kinds": len(kinds),
                "blocks": 1,
                "expert": 8,
                **options,
            },
            logits_per_cell=16 if finer else 4,
            masks="classes",
            kinds=kinds,
        ),
        preprocessing=Preprocessing(size=64),
        capabilities=frozenset({"auto", "point", "mask"}),
        targets=tuple(Target(name=f"target of {kind}", modality=kind) for kind in kinds),
    )


def make_model(card: ModelCard) -> PromptableModel:
    torch.manual_seed(3)
    model = build_model(card.architecture, card.preprocessing)
    for name, value in model.named_parameters():
        if ".bags." in name:  # they begin without effect
            torch.nn.init.normal_(value, std=0.5)
    return model


@dataclass
class Asked:
    """One image, encoded, to ask a model about as it were of any kind."""

    model: PromptableModel
    features: tuple[torch.Tensor, ...]

    def find(self, kind: int, points: int = 0) -> Any:
        odds = torch.nn.functional.one_hot(torch.tensor([kind]), len(self.model.image_encoder.router.rows))
        coordinates, labels = torch.full((1, 1 + points, 2), 20.0), torch.ones(1, 1 + points)
        labels[:, points:] = -1
        return self.model.mask_decoder.find(
            (*self.features[:-1], odds.float()),
            self.model.prompt_encoder.get_dense_pe(),
            self.model.embed_tokens(coordinates, labels),
            self.model.embed_no_mask(self.features[0]),
        )


def ask(model: PromptableModel) -> Asked:
    torch.manual_seed(4)
    return Asked(model, model.encode(torch.randn(1, 3, 64, 64)))


@pytest.mark.parametrize("finer", [False, True])
def test_each_kind_answers_with_its_own_bag_and_query(finer):
    card = make_card(finer=finer)
    asked = ask(make_model(card))
    first, second = asked.find(0), asked.find(1)
    side = card.architecture.logit_side
    assert first.answer.shape == (1, 1, side, side) and first.patches.shape == (1, 1, 2, 2)
    assert not torch.allclose(first.logits, second.logits)
    assert not torch.allclose(first.controlled, second.controlled)


def test_the_router_says_which_kind_where_nobody_else_does():
    model = make_model(make_card())
    asked = ask(model)
    likeliest = int(asked.features[-1].argmax())
    logits, _ = model.decode(asked.features, torch.zeros(1, 1, 2), -torch.ones(1, 1))
    torch.testing.assert_close(logits, asked.find(likeliest).answer)


def test_no_pixel_is_surer_than_that_there_is_anything():
    found = ask(make_model(make_card())).find(0)
    assert bool((found.answer <= found.presence.reshape(1, 1, 1, 1)).all())


def test_a_click_changes_the_answer():
    asked = ask(make_model(make_card()))
    assert not torch.allclose(asked.find(0).logits, asked.find(0, points=1).logits)


@pytest.mark.parametrize("arm", ["bags", "generator", "decoupled"])
def test_an_arm_lacks_one_part(arm):
    whole = sum(value.numel() for value in make_model(make_card()).parameters())
    asked = ask(make_model(make_card(**{arm: False})))
    first, second = asked.find(0), asked.find(1)
    assert sum(value.numel() for value in asked.model.parameters()) < whole
    assert (first.patches is None) is (arm == "generator")
    assert torch.equal(first.controlled, second.controlled) is (arm == "bags")


def test_another_kind_leaves_the_answers_for_the_old_ones_as_they_were_to_the_bit():
    before = ask(make_model(make_card()))
    wider = make_model(make_card((*KINDS, "xray")))
    missing, unexpected = wider.load_state_dict(before.model.state_dict(), strict=False)
    assert not unexpected and all(".2." in name for name in missing)
    after = ask(wider)
    for kind in range(2):
        old, new = before.find(kind), after.find(kind)
        assert torch.equal(old.answer, new.answer) and torch.equal(old.overlap, new.overlap)
    assert torch.equal(before.features[-1], after.features[-1][:, :2])


def test_the_routers_loss_stays_with_the_router():
    model = make_model(make_card())
    model.encode(torch.randn(2, 3, 64, 64))[-1].sum().backward()
    learn = {name for name, value in model.named_parameters() if value.grad is not None}
    assert learn and all(".router." in name for name in learn)


@pytest.mark.parametrize(("how", "reaches"), [("hard", False), ("straight-through", True), ("soft", True)])
def test_whether_the_masks_loss_reaches_the_prompt_generator(how, reaches):
    patches = torch.tensor([[[[-1.0, 2.0], [0.5, -3.0]]]], requires_grad=True)
    dense = PatchPrompter(8, how)(patches, 4)
    assert dense.shape == (1, 8, 4, 4)
    if how != "soft":
        cut = PatchPrompter(8, "hard")
        cut.load_state_dict({name: value * 0 + 1 for name, value in cut.state_dict().items()})
        assert torch.equal(cut(patches, 4), cut(9 * patches, 4)), "what is cut knows no degrees"
    weighted = (dense * torch.arange(8.0).view(1, 8, 1, 1)).sum()
    if reaches:
        weighted.backward()
    assert (patches.grad is not None and bool(patches.grad.any())) is reaches


@pytest.mark.slow
def test_it_answers_alike_without_torch(tmp_path):
    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.runtimes.onnx import OnnxRuntime
    from napari_medkd.inference.sam_segmenter import SamSegmenter
    from napari_medkd.models.export import write_package

    card = make_card(finer=True)
    model = make_model(card)
    write_package(model, card, tmp_path)
    segmenter = SamSegmenter(card, OnnxRuntime(tmp_path / "encoder.onnx", tmp_path / "decoder.onnx"))
    rng = np.random.default_rng(0)
    volume = Volume.from_array(rng.integers(0, 255, (1, 50, 60, 3)).astype(np.uint8))
    embedding = segmenter.embed(volume, Plane(0, 0))
    shares = segmenter.modality_of(embedding)
    assert set(shares) == set(KINDS) and sum(shares.values()) == pytest.approx(1)
    for kind in KINDS:
        (found,) = segmenter.propose(embedding, kind)
        assert (found.names, found.modality) == ((f"target of {kind}",), kind)
        assert found.masks[0].shape == (50, 60)
