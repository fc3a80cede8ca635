"""Learning to take noise away from small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from src_training.diffusion.network import TIMES, velocity_error
from src_training.draws import Stream
from src_training.picture_batch import PictureBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from src_training.draws import Draws

_LOOKED_AT = 4  # batches


@dataclass(frozen=True, slots=True, eq=False)
class NoiseBatch(PictureBatch):
    """Pictures and the noise that each is to be freed of.

    Parameters
    ----------
    images, noise : Tensor (B, C, s, s)
        The pictures, −1 to 1, and Gaussian noise.
    times : Tensor (B,)
        Levels of noise.
    """

    images: Tensor
    noise: Tensor
    times: Tensor


class NoiseStream(Stream[NoiseBatch]):
    """Draws pictures, noise and its levels by seed and step alone.

    Parameters
    ----------
    squares : ndarray (N, s, s, C) uint8
        The pictures.
    draws : Draws
        How many pictures, by what chance.
    turns : bool
        Whether pictures may be mirrored.
    """

    def __init__(self, squares: NDArray[np.uint8], draws: Draws, turns: bool = True) -> None:
        self._squares, self._draws, self._turns = squares, draws, turns

    def batch(self, step: int) -> NoiseBatch:
        """Return the batch of one step."""
        rng, size = self._draws.chance(step, 4), self._draws.size
        chosen = self._squares[rng.integers(len(self._squares), size=size)]
        if self._turns:
            mirrored = rng.random(size) < 0.5
            chosen = np.where(mirrored[:, None, None, None], chosen[:, :, ::-1], chosen)
        images = torch.from_numpy(np.moveaxis(chosen, 3, 1).astype(np.float32)) / 127.5 - 1
        noise = torch.from_numpy(rng.standard_normal(images.shape, np.float32))
        return NoiseBatch(images, noise, torch.from_numpy(rng.integers(TIMES, size=size)))


class DiffusionTask(nn.Module):
    """Learns what to take away from a noisy picture; see `velocity_error`.

    Parameters
    ----------
    network : nn.Module
        A U-Net.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: NoiseBatch) -> dict[str, Tensor]:
        """Return ``loss``."""
        return {"loss": velocity_error(self.network, batch.images, batch.noise, batch.times)}


class DiffusionLook:
    """Looks at the error on the same noise every time, and has a sheet of samples drawn.

    Parameters
    ----------
    stream : NoiseStream
        Of the training pictures, with a chance of its own: nothing held out is looked at.
    draw : callable
        Takes the network and writes the sheet.
    """

    def __init__(self, stream: NoiseStream, draw: Callable[[nn.Module], None]) -> None:
        self._stream, self._draw = stream, draw

    @torch.no_grad()
    def __call__(self, task: nn.Module) -> dict[str, float]:
        """Return the error, and its opposite as ``score``."""
        device = next(task.parameters()).device
        errors = [float(task(self._stream.batch(step).to(device))["loss"]) for step in range(_LOOKED_AT)]
        network = task.network
        assert isinstance(network, nn.Module)
        self._draw(network)
        error = sum(errors) / len(errors)
        return {"score": -error, "error": error}
