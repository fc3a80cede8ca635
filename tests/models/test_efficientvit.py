from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from napari_medkd.models import catalogue
from napari_medkd.models.checkpoint import load_state
from napari_medkd.models.conversion import convert
from napari_medkd.models.encoders import create_encoder
from napari_medkd.models.encoders.efficientvit import LinearAttention
from napari_medkd.models.promptable import build_model
from tests.models import official, reference

SMALL = {"widths": (8, 8, 16, 16, 32), "depths": (1, 1, 1, 1, 1), "neck_depth": 1, "head_dim": 8}


@pytest.mark.parametrize(
    ("size", "depths", "neck"), [("l0", (1, 1, 1, 4, 4), 4), ("l2", (1, 2, 2, 8, 8), 12)]
)
def test_published_weights_give_the_published_embedding(size, depths, neck):
    entry = catalogue.entry(f"efficientvit-sam-{size}")
    tensors = official.random_state(entry.id)
    model = build_model(entry.card.architecture, entry.card.preprocessing)
    load_state(model, convert(tensors, entry), entry.card.title)
    image = torch.randn(1, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        (embedding,) = model.encode(image)
        expected = reference.efficientvit(depths, neck, tensors, image)
    torch.testing.assert_close(embedding, expected, rtol=1e-3, atol=1e-3)
    assert embedding.shape == (1, 256, 12, 16)
    assert embedding.std() > 0.1


def test_a_small_one_trains_end_to_end():
    encoder = create_encoder("efficientvit", embedding_dim=32, **SMALL)
    embedding = encoder(torch.randn(2, 3, 64, 64))
    assert embedding.shape == (2, 32, 8, 8)
    embedding.square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_attention_to_nothing_is_zero_and_not_a_division_by_it():
    attention = LinearAttention(16, 8).eval()
    query = torch.zeros(1, 4, 8, 9)
    value = torch.ones(1, 4, 8, 9)
    assert torch.equal(attention._attend(query, query, value), torch.zeros(1, 4, 8, 9))


def test_attention_to_nothing_is_zero_in_onnx_too(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    attention = LinearAttention(16, 8).eval()
    attention.qkv.conv.weight.data.fill_(-1)  # no query and no key is positive
    image = torch.rand(1, 16, 4, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            attention,
            (image,),
            tmp_path / "attention.onnx",
            input_names=["image"],
            dynamo=True,
            verbose=False,
        )
    (answered,) = runtime.InferenceSession(tmp_path / "attention.onnx").run(None, {"image": image.numpy()})
    np.testing.assert_allclose(answered, attention(image).detach().numpy(), atol=1e-6)


def test_attention_averages_the_values_by_the_keys():
    attention = LinearAttention(16, 8).eval()
    query = torch.zeros(1, 1, 8, 2)
    key = torch.zeros(1, 1, 8, 2)
    query[0, 0, 0] = torch.tensor([1.0, 5.0])
    key[0, 0, 0] = torch.tensor([1.0, 3.0])
    value = torch.zeros(1, 1, 8, 2)
    value[0, 0, 0] = torch.tensor([10.0, 20.0])
    answered = attention._attend(query, key, value)
    torch.testing.assert_close(answered[0, 0, 0], torch.tensor([17.5, 17.5]))
