"""Learning to take noise away from small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from src_training.diffusion.network import TIMES, velocity_error
from src_training.picture_batch import PictureBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

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


class NoiseStream:
    """Draws pictures, noise and its levels by seed and step alone.

    Parameters
    ----------
    squares : ndarray (N, s, s, C) uint8
        The pictures.
    batch_size, seed : int
        Pictures in a batch, and where chance starts.
    turns : bool
        Whether pictures may be mirrored.
    rank, world : int
        Which of how many processes this is.
    """

    def __init__(
        self,
        squares: NDArray[np.uint8],
        batch_size: int,
        seed: int,
        turns: bool = True,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._squares, self._size = squares, batch_size
        self._seed, self._turns, self._process = seed, turns, (rank, world)

    def __call__(self, first: int) -> Iterator[NoiseBatch]:
        """Yield the batches from step `first` on, without end."""
        step = first
        while True:
            yield self.batch(step)
            step += 1

    def batch(self, step: int) -> NoiseBatch:
        """Return the batch of one step."""
        rng = np.random.default_rng((self._seed, step, 4, *self._process))
        chosen = self._squares[rng.integers(len(self._squares), size=self._size)]
        if self._turns:
            mirrored = rng.random(self._size) < 0.5
            chosen = np.where(mirrored[:, None, None, None], chosen[:, :, ::-1], chosen)
        images = torch.from_numpy(np.moveaxis(chosen, 3, 1).astype(np.float32)) / 127.5 - 1
        noise = torch.from_numpy(rng.standard_normal(images.shape, np.float32))
        return NoiseBatch(images, noise, torch.from_numpy(rng.integers(TIMES, size=self._size)))


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
