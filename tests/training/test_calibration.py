"""One temperature for all logits."""

from __future__ import annotations

import torch
from torch import nn

from src_training.calibration import temperature
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
