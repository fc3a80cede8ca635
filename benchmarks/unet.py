"""MONAI's U-Net trained on one set alone for so many seconds: what a network of its own would reach.

It sees the same views with the same changes as the recipe ``esp-medsam``, has the same loss (Dice and
cross-entropy) and is asked through the same path, at the size that ``medkd-auto`` is asked at. What
differs is the network, what it starts from, and that it looks once and nobody outlines anew what it finds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.networks.nets.unet import UNet
from torch.nn import functional

from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from src_training.draws import Draws
from src_training.kinds import read_kinds
from src_training.losses.masks import soft_dice_loss
from src_training.scenes import load_pool
from src_training.tasks.modality_views import ModalityStream

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_CHANNELS, _RATE, _BATCH = (24, 48, 96, 192, 384), 1e-3, 8
_DICE = 0.7
_UPRIGHT = ("xray", "ct", "mr", "ultrasound")


class UNetRuntime:
    """Gives the network's logits whatever is asked."""

    name = "torch, U-Net"

    def __init__(self, network: UNet) -> None:
        self._network = network.eval()

    def encode(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Answer at once."""
        with torch.inference_mode():
            return (self._network(torch.from_numpy(image)).numpy(),)

    def decode(self, features: Any, *_: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what was answered."""
        return features[0][0], np.zeros(1, np.float32)

    def close(self) -> None:
        """Nothing to release."""


def trained(
    folder: Path, seconds: float, size: int = 448, view: int = 320, seed: int = 0
) -> tuple[SamSegmenter, int]:
    """Train on a set's training split for `seconds`, the rate falling along a cosine; nothing is chosen.

    Parameters
    ----------
    folder : Path
        The data set.
    seconds : float
        How long it learns, by the clock, with as many threads as torch takes.
    size, view : int
        Pixels of a side of what it will be asked about, and of the views that it learns from.
    seed : int
        Of the weights it starts from and of the views.

    Returns
    -------
    SamSegmenter, int
        What answers, and how many steps it learned.
    """
    torch.manual_seed(seed)
    kinds = read_kinds([folder], {}, {})
    card = _card(size, kinds.targets)
    pool = load_pool([folder], [], classes=1)
    draws = Draws(_BATCH, seed)
    batches = ModalityStream(pool.labelled, kinds, card, min(view, size), draws, upright=_UPRIGHT)(0)
    network = UNet(2, 3, 1, _CHANNELS, (2, 2, 2, 2), num_res_units=2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE)
    start, steps = time.monotonic(), 0
    while (share := (time.monotonic() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = _RATE * max(0.01, 0.5 * (1 + np.cos(np.pi * share)))
        batch = next(batches)
        logits = network(batch.images)
        entropy = functional.binary_cross_entropy_with_logits(logits, batch.shares)
        loss = _DICE * soft_dice_loss(logits, batch.shares).mean() + (1 - _DICE) * entropy
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        steps += 1
    return SamSegmenter(card, UNetRuntime(network)), steps


def _card(size: int, targets: Any) -> ModelCard:
    return ModelCard(
        id="unet",
        title="U-Net",
        architecture=Architecture(encoder="none", grid=size, logits_per_cell=1, masks="classes"),
        preprocessing=Preprocessing(size=size, mean=(127.0,) * 3, std=(128.0,) * 3),
        capabilities=frozenset({"auto"}),
        targets=targets,
    )
