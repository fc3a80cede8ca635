"""The memory plan: what is counted, and how many pieces come of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from src_training.memory import free, need, pieces
from tests.training.test_loop import Rows


class Net(nn.Module):
    """Two layers with statistics in between."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 50), nn.BatchNorm1d(50), nn.ReLU(), nn.Linear(50, 1))

    def forward(self, batch: Rows) -> dict[str, torch.Tensor]:
        return {"loss": self.layers(batch.images.repeat(1000, 1)).mean()}


def test_a_view_needs_what_its_gradient_keeps():
    net = Net()
    before = [buffer.clone() for buffer in net.buffers()]
    weights, view = need(net, Rows(torch.randn(4, 2)), torch.device("cpu"))
    assert weights == 5 * 4 * (2 * 50 + 50 + 50 + 50 + 50 + 1)
    assert 2 * 50_000 * 4 <= view <= 4 * 50_000 * 4  # a few maps of 1000 × 50 numbers
    assert all(torch.equal(a, b) for a, b in zip(before, net.buffers(), strict=True))


@pytest.mark.parametrize(("free", "count"), [(10_000, 1), (1_000, 2), (500, 4), (250, 8), (10, 8)])
def test_a_batch_is_split_until_it_fits(free, count):
    assert pieces(100, 100, 8, free) == count


def test_the_processor_has_memory():
    assert free(torch.device("cpu")) > 2**20
