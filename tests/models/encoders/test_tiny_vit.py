from __future__ import annotations

import pytest
import torch

from napari_medkd.models.encoders import create_encoder
from napari_medkd.models.encoders.tiny_vit import _Block, _WindowAttention

SMALL = {"widths": (8, 16, 16, 32), "depths": (1, 1, 1, 1), "heads": (1, 2, 2, 4), "windows": (3, 3, 4, 3)}


@pytest.mark.parametrize(("stem", "size", "grid"), [("conv3", 64, 4), ("conv1", 16, 4), ("conv1", 40, 10)])
def test_the_embedding_has_the_grid_of_its_stem(stem, size, grid):
    encoder = create_encoder("tiny_vit", stem=stem, **SMALL).eval()
    with torch.inference_mode():
        assert encoder(torch.randn(2, 3, size, size)).shape == (2, 256, grid, grid)


def test_the_default_is_the_five_million_network_of_mobile_sam():
    with torch.device("meta"):
        encoder = create_encoder("tiny_vit")
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    assert parameters == 5_743_892  # published: 9,808,452 with SAM's prompt encoder and decoder


def test_the_bias_depends_on_the_distance_alone():
    attention = _WindowAttention(8, 2, window=5)
    index = attention.bias_index
    for first, second in ((0, 6), (12, 18), (24, 18), (8, 2)):
        assert index[first, second] == index[second, first]
    assert index[0, 6] == index[12, 18] == index[13, 9] == 1 * 5 + 1
    assert index[0, 0] == 0 and index.max() == 24


def test_attention_is_that_of_the_formula_head_by_head():
    torch.manual_seed(0)
    width, heads, window = 12, 3, 2
    attention = _WindowAttention(width, heads, window)
    torch.nn.init.normal_(attention.attention_biases)
    tokens = torch.randn(1, window * window, width)
    normed = attention.norm(tokens)[0]
    parts = []
    for head in range(heads):
        rows = slice(3 * 4 * head, 3 * 4 * (head + 1))
        query, key, value = (normed @ attention.qkv.weight[rows].T + attention.qkv.bias[rows]).split(4, dim=1)
        scores = query @ key.T / 2 + attention.attention_biases[head][attention.bias_index]
        parts.append(scores.softmax(1) @ value)
    torch.testing.assert_close(attention(tokens)[0], attention.proj(torch.cat(parts, 1)))


def test_windows_do_not_see_each_other_before_the_local_convolution():
    torch.manual_seed(0)
    block = _Block(8, 2, window=3)
    tokens = torch.randn(1, 7, 7, 8)  # padded to 9×9
    changed = tokens.clone()
    changed[0, 0, 0] += 1
    difference = (block._attend(changed) - block._attend(tokens)).abs().sum(-1)[0]
    assert difference[:3, :3].min() > 0
    assert not difference[3:].any() and not difference[:, 3:].any()
