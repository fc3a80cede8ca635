"""Changes of what a picture looks like that leave its objects where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

_GREY, _INVERTED, _BLURRED, _NOISY = 0.25, 0.05, 0.15, 0.2  # shares of views


def changed(image: Tensor, rng: Generator) -> Tensor:
    """Return (3, S, S) grey values of 0 to 255 with another brightness, contrast, tint, blur and noise.

    A model that saw these looks at the object rather than at one scanner's colours.
    """
    image = image / 255
    if rng.random() < _GREY:
        image = image.mean(0, keepdim=True).expand(3, -1, -1)
    if rng.random() < _INVERTED:
        image = 1 - image
    image = image.clamp(1e-4, 1) ** float(np.exp(rng.normal(0, 0.2)))
    tint = torch.from_numpy(rng.normal(1, 0.05, (3, 1, 1)).astype(np.float32))
    mean = image.mean()
    image = (image - mean) * float(np.exp(rng.normal(0, 0.2))) * tint + mean + float(rng.normal(0, 0.08))
    if rng.random() < _BLURRED:
        image = _blurred(image, float(rng.uniform(0.5, 1.5)))
    if rng.random() < _NOISY:
        noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(0.01, 0.06)
        image = image + torch.from_numpy(noise.astype(np.float32))
    return image.clamp(0, 1) * 255


def _blurred(image: Tensor, sigma: float) -> Tensor:
    reach = torch.arange(-3, 4, dtype=torch.float32)
    kernel = torch.exp(-(reach**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, -1)
    padded = functional.pad(image[None], (3, 3, 3, 3), mode="replicate")
    rows = functional.conv2d(padded, kernel[..., None], groups=3)
    return functional.conv2d(rows, kernel[:, :, None], groups=3)[0]
