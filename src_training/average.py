"""The running mean of a network's weights, which generalises better than the last step's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


class Average:
    """An exponential mean of all parameters and buffers.

    Parameters
    ----------
    module : nn.Module
        What is averaged.
    decay : float
        Weight of the past; it starts lower, so that the first steps do not linger. 0 follows the module.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self.steps = 0
        self.state = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take in the module after one step."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps)) if self._decay else 0.0
        for name, value in module.state_dict().items():
            kept = self.state[name]
            if kept.is_floating_point():
                kept.lerp_(value.to(kept.dtype), 1 - decay)
            else:
                kept.copy_(value)

    @contextmanager
    def worn_by(self, module: nn.Module) -> Iterator[None]:
        """Have `module` wear the mean, in evaluation mode, for as long as this lasts."""
        own = {name: value.detach().clone() for name, value in module.state_dict().items()}
        was_training = module.training
        module.load_state_dict(self.state)
        module.eval()
        try:
            yield
        finally:
            module.load_state_dict(own)
            module.train(was_training)

    def load(self, state: dict[str, Tensor], steps: int) -> None:
        """Go on from a checkpoint."""
        for name, value in state.items():
            self.state[name].copy_(value)
        self.steps = steps
