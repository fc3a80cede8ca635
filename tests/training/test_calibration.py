"""One temperature for all logits."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from src_training.calibration import router_temperature, temperature, thresholds
from src_training.tasks.classes import ClassBatch


class Sure(nn.Module):
    """Says of every pixel that it is of the class, with log odds of 4."""

    def __init__(self):
        super().__init__()
        self.odds = nn.Parameter(torch.tensor(4.0))

    def judged(self, batch):
        return self.odds.expand(len(batch.images), 1, 8, 8), batch.shares, batch.inside


class Held:
    """Pixels of which three of four are of the class; those outside the picture are not."""

    def batches(self):
        shares = torch.ones(1, 1, 8, 8)
        shares[..., ::2, ::2] = 0
        inside = torch.ones(1, 1, 8, 8)
        inside[..., 6:, :] = 0
        shares[..., 6:, :] = 0
        yield ClassBatch(torch.zeros(1, 3, 8, 8), shares, inside)


def test_log_odds_become_those_that_hold():
    found = temperature(Sure(), Held())
    expected = 4 / torch.log(torch.tensor(3.0)).item()
    assert abs(found / expected - 1) < 0.06  # to the width of what is tried


class Timid(nn.Module):
    """Is half as sure of the right half of each object as of its left one; of kind 1 it is sure."""

    def __init__(self):
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def judged(self, batch):
        odds = torch.full_like(batch.shares, -4)
        odds[..., 2:6, 2:4], odds[..., 2:6, 4:6] = 4, -0.8  # 0.31
        odds[batch.kinds == 1, ..., 4:6] = 4
        return odds, batch.shares, torch.ones_like(odds)


class HeldKinds:
    """So many cases of each of three kinds, in batches; every so often one is only its left half."""

    def __init__(self, *counts, odd=100):
        self._kinds, self._odd = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)), odd

    def batches(self):
        for kinds in self._kinds.split(7):
            shares = torch.zeros(len(kinds), 1, 8, 8)
            shares[..., 2:6, 2:6] = 1
            shares[self._odd - 1 :: self._odd, ..., 4:6] = 0
            batch = SimpleNamespace(shares=shares, kinds=kinds)
            batch.to = lambda device, batch=batch: batch
            yield batch


def test_a_kind_that_a_model_is_timid_about_is_cut_lower():
    assert thresholds(Timid(), HeldKinds(12, 11, 3), 1.0) == {0: 0.2, 1: 0.5, 2: 0.5}, (
        "the last has few cases"
    )
    assert thresholds(Timid(), HeldKinds(12), 8.0) == {0: 0.4}, "odds as people are told them"
    assert thresholds(Timid(), HeldKinds(12, odd=3), 1.0) == {0: 0.5}, "that may be chance"


class Telling(nn.Module):
    """Its images are the log odds that its router gives."""

    def __init__(self):
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))
        self.model = SimpleNamespace(encode=lambda images: (images,))


def told(margins):
    """Held-out cases of which the likeliest of three kinds leads by these log odds."""
    odds = torch.zeros(len(margins), 3)
    odds[:, 1] = torch.tensor(margins)
    batch = SimpleNamespace(images=odds)
    batch.to = lambda device: batch
    return SimpleNamespace(batches=lambda: iter([batch]))


def test_a_router_is_cooled_until_one_known_image_in_twenty_is_doubted():
    margins = [5.0 + 0.2 * place for place in range(40)]
    found = router_temperature(Telling(), told(margins))
    odds = torch.zeros(40, 3)
    odds[:, 1] = torch.tensor(margins)
    doubted = float(((odds / found).softmax(1).amax(1) < 0.8).float().mean())
    assert found > 1.5 and 0.05 <= doubted <= 0.1
    assert router_temperature(Telling(), told([1.0] * 40)) == 1.0, "it doubts enough"
    assert router_temperature(Telling(), told([9.0] * 19)) == 1.0, "too few to say"
