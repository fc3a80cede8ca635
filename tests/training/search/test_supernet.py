"""The mixture of all encoders, by hand, and the encoder that comes out of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from src_training.search.supernet import Mixture, Supernet, entropy, expected_cost
from tests.training.search.made_space import COSTS, SPACE


@pytest.fixture(scope="module")
def net() -> Supernet:
    torch.manual_seed(0)
    return Supernet(SPACE)


def test_a_mixture_is_the_weighted_sum_of_its_candidates():
    slot = next(slot for slot in SPACE.slots if slot.name == "s2_0_1")
    mixture = Mixture(slot).eval()
    maps = torch.randn(1, 8, 4, 4)
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    first, second = mixture.candidates[:2]
    assert torch.allclose(
        mixture(maps, weights), 0.1 * first(maps) + 0.2 * second(maps) + 0.3 * maps, atol=1e-6
    )
    assert torch.equal(mixture(maps, torch.tensor([0.0, 0, 0, 1])), torch.zeros_like(maps))


def test_it_encodes_and_every_alpha_gets_a_gradient(net):
    embedding = net(torch.randn(2, 3, 64, 64))
    assert embedding.shape == (2, 256, 4, 4)
    embedding.square().mean().backward()
    choices = [slot.name for slot in SPACE.slots if len(slot.candidates) > 1]
    assert all(net.alpha[name].grad.abs().sum() > 0 for name in choices)
    net.zero_grad()


@pytest.mark.parametrize("paths", [1, 2])
def test_few_paths_are_drawn_by_the_generator_alone(paths):
    few = Supernet(SPACE, paths)
    drawn = []
    for _ in range(2):
        few.draw(np.random.default_rng(4), temperature=1.0)
        drawn.append({name: few._weights(name) for name in few.alpha})
    for name, weights in drawn[0].items():
        count = min(paths, len(weights))
        assert int((weights > 0).sum()) == count and float(weights.detach().sum()) == pytest.approx(1)
        assert torch.equal(weights, drawn[1][name])
    few(torch.randn(1, 3, 64, 64)).mean().backward()
    assert any(alpha.grad is not None and alpha.grad.abs().sum() > 0 for alpha in few.alpha.values())


def test_cost_and_entropy_by_hand(net):
    even = {name: torch.full((len(alpha),), 1 / len(alpha)) for name, alpha in net.alpha.items()}
    slots = sum(slot.stride == 1 for slot in SPACE.slots)
    # Four steps down between conv3 and ds3, the first one conv3; (1 + 3 + 0 + 0) / 4 in every other slot.
    assert float(expected_cost(even, COSTS, SPACE)) == pytest.approx(4 * 1.5 + 2 + slots)
    assert float(entropy(even)) == pytest.approx(1)
    sure = {name: torch.eye(len(p))[0] for name, p in even.items()}
    assert float(entropy(sure)) == pytest.approx(0, abs=1e-6)
    half = {"one": torch.tensor([0.5, 0.5, 0, 0])}
    assert float(entropy(half)) == pytest.approx(math.log(2) / math.log(4), abs=1e-5)
