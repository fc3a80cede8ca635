from __future__ import annotations

import pytest
import torch

from napari_medkd.models import catalogue
from napari_medkd.models.checkpoint import load_state
from napari_medkd.models.conversion import convert
from napari_medkd.models.encoders import create_encoder
from napari_medkd.models.promptable import build_model
from tests.models import official, reference

SMALL = {"widths": (8, 16, 24, 32), "depths": (2, 2, 2, 2)}


@pytest.mark.parametrize("model_id", ["edge-sam", "repvit-sam"])
def test_published_weights_give_the_published_embedding(model_id):
    entry = catalogue.entry(model_id)
    tensors = official.random_state(model_id)
    model = build_model(entry.card.architecture, entry.card.preprocessing)
    load_state(model, convert(tensors, entry), entry.card.title)
    image = torch.randn(1, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        (embedding,) = model.encode(image)
        torch.testing.assert_close(
            embedding, reference.repvit(model_id, tensors, image), rtol=1e-3, atol=1e-3
        )
    assert embedding.shape == (1, 256, 6, 8)
    assert embedding.std() > 0.1


@pytest.mark.parametrize("neck", ["fused", "plain"])
@pytest.mark.parametrize("sum_norm", [False, True])
def test_every_variant_trains_end_to_end(neck, sum_norm):
    encoder = create_encoder("repvit", neck=neck, sum_norm=sum_norm, embedding_dim=32, **SMALL)
    embedding = encoder(torch.randn(2, 3, 64, 64))
    assert embedding.shape == (2, 32, 4, 4)
    embedding.square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_the_fused_neck_hears_the_coarse_stage():
    encoder = create_encoder("repvit", **SMALL).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = encoder(image)
        encoder.fuse.coarse.weight.zero_()
        assert not torch.allclose(before, encoder(image))
