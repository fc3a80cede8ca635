from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_medkd.core.geometry import Plane
from napari_medkd.core.volume import Volume
from napari_medkd.inference.load import load_segmenter
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target
from napari_medkd.models.decoders import create_decoder
from napari_medkd.models.decoders.prompt_free import log_odds
from napari_medkd.models.export import write_package
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore

CARD = ModelCard(
    id="auto",
    title="Auto",
    architecture=Architecture(
        encoder="vit_tiny",
        encoder_options={"image_size": 64, "width": 24, "depth": 2, "heads": 2, "dim": 32},
        grid=4,
        embedding_dim=32,
        decoder="prompt_free",
        decoder_options={"classes": 2, "mlp_dim": 32},
        masks="classes",
    ),
    preprocessing=Preprocessing(size=64),
    capabilities=frozenset({"auto"}),
    targets=(Target(name="kidney"), Target(name="cyst")),
)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model(CARD.architecture, CARD.preprocessing)


def test_every_class_has_a_mask_for_every_image(model):
    with torch.inference_mode():
        features = model.encode(torch.randn(3, 3, 64, 64))
        logits, scores = model.decode(features, torch.zeros(3, 1, 2), -torch.ones(3, 1))
    assert logits.shape == (3, 2, 16, 16) and scores.shape == (3, 2)


def test_what_was_said_changes_nothing(model):
    with torch.inference_mode():
        features = model.encode(torch.randn(1, 3, 64, 64))
        wanted = model.decode(features, torch.zeros(1, 1, 2), -torch.ones(1, 1))
        found = model.decode(features, torch.rand(3, 5, 2) * 64, torch.ones(3, 5))
    for before, after in zip(wanted, found, strict=True):
        assert torch.equal(after, before.expand_as(after)) and len(after) == 3


def test_log_odds_are_those_of_the_softmax():
    scores = torch.randn(2, 4, 3, 5, dtype=torch.float64) * 3
    odds = log_odds(scores)
    torch.testing.assert_close(odds.sigmoid(), scores.softmax(1)[:, 1:])
    two = scores[:, :2]
    torch.testing.assert_close(log_odds(two), two[:, 1:] - two[:, :1])


def test_the_classes_share_a_pixel_with_the_background(model):
    features = model.encode(torch.randn(2, 3, 64, 64))
    dense = model.embed_no_mask(features[0])
    scores, _ = model.mask_decoder.class_scores(features, model.prompt_encoder.get_dense_pe(), dense)
    logits, _ = model.decode(features, torch.zeros(2, 1, 2), -torch.ones(2, 1))
    assert scores.shape == (2, 3, 16, 16)
    torch.testing.assert_close(scores.softmax(1)[:, 1:], logits.sigmoid(), atol=1e-5, rtol=1e-4)
    assert ((logits > 0).sum(1) <= 1).all()
    scores.sum().backward()
    assert model.prompt_encoder.no_mask_embed.weight.grad is not None


def test_an_image_in_a_batch_is_answered_as_alone(model):
    images = torch.randn(2, 3, 64, 64)
    pad = torch.zeros(1, 1, 2), -torch.ones(1, 1)
    with torch.inference_mode():
        both, _ = model.decode(model.encode(images), *(part.expand(2, *part.shape[1:]) for part in pad))
        for index in range(2):
            alone, _ = model.decode(model.encode(images[index : index + 1]), *pad)
            torch.testing.assert_close(both[index], alone[0], atol=1e-4, rtol=1e-4)


def test_weights_of_sams_decoder_start_it():
    ours, sams = (create_decoder(name, dim=32, mlp_dim=32) for name in ("prompt_free", "sam"))
    theirs = {name: value.shape for name, value in sams.state_dict().items()}
    differ = {
        name.split(".")[0] + "." + name.split(".")[1]
        for name, value in ours.state_dict().items()
        if theirs.get(name) != value.shape
    }
    assert differ == {"mask_tokens.weight", "iou_prediction_head.layers"}, "they depend on the classes"


@pytest.mark.slow
def test_a_package_suggests_on_both_runtimes_alike(model, tmp_path):
    write_package(model, CARD, tmp_path / "auto")
    store = ModelStore(tmp_path / "models", shipped=tmp_path / "none")
    store.add(tmp_path / "auto")
    assert json.loads((tmp_path / "auto" / "card.json").read_text())["targets"][1]["name"] == "cyst"
    image = np.random.default_rng(0).integers(0, 255, (1, 50, 70), dtype=np.uint8)
    volume, plane = Volume.from_array(image), Plane(0, 0)
    answers = []
    for runtime in ("torch", "onnx"):
        segmenter = load_segmenter("auto", store=store, device="cpu", runtime=runtime)
        answers.append(segmenter.propose(segmenter.embed(volume, plane)))
        segmenter.close()
    for first, second in zip(*answers, strict=True):
        assert first.names == second.names and first.masks[0].shape == (50, 70)
        np.testing.assert_allclose(first.logits, second.logits, atol=0.05)
        assert first.scores == pytest.approx(second.scores, abs=0.02)
