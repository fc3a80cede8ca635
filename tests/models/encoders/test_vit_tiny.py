from __future__ import annotations

import pytest
import torch

from napari_medkd.models.encoders import create_encoder

SMALL = {"image_size": 64, "width": 24, "depth": 3, "heads": 2, "dim": 32}


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return create_encoder("vit_tiny", **SMALL).eval()


@pytest.mark.parametrize("shape", [(64, 64), (96, 96), (32, 80)])
def test_the_embedding_has_a_cell_a_patch_at_any_size(encoder, shape):
    with torch.inference_mode():
        embedding = encoder(torch.randn(2, 3, *shape))
    assert embedding.shape == (2, 32, shape[0] // 16, shape[1] // 16)


def test_the_default_is_vit_tiny_with_sams_neck():
    with torch.device("meta"):
        encoder = create_encoder("vit_tiny")
    trunk, neck = (sum(p.numel() for p in part.parameters()) for part in (encoder.trunk, encoder.neck))
    width, cells = 192, 32 * 32
    block = 12 * width**2 + 13 * width  # attention, perceptron and two norms
    assert trunk == 12 * block + (3 * 16**2 + 1) * width + cells * width + 2 * width
    assert neck == 192 * 256 + 9 * 256 * 256 + 2 * 2 * 256


def test_hidden_tokens_are_those_after_the_chosen_blocks(encoder):
    image = torch.randn(2, 3, 64, 64)
    seen = []
    hooks = [
        block.register_forward_hook(lambda module, given, tokens: seen.append(tokens))
        for block in encoder.trunk.blocks
    ]
    with torch.inference_mode():
        embedding, hidden = encoder.forward_hidden(image, (1, 3))
        for hook in hooks:
            hook.remove()
        assert torch.equal(embedding, encoder(image))
    assert [tokens.shape for tokens in hidden] == [(2, 4, 4, 24)] * 2
    for tokens, number in zip(hidden, (1, 3), strict=True):
        assert torch.equal(tokens.flatten(1, 2), seen[number - 1])


def test_a_loss_on_hidden_tokens_reaches_the_blocks_before_them_and_no_others(encoder):
    _, hidden = encoder.forward_hidden(torch.randn(1, 3, 64, 64), (2,))
    encoder.zero_grad()
    hidden[0].square().mean().backward()
    reached = [block.attn.qkv.weight.grad is not None for block in encoder.trunk.blocks]
    assert reached == [True, True, False] and encoder.neck[0].weight.grad is None
