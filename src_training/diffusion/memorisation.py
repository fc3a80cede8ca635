"""Whether a sample is a copy of a picture that the diffusion model has seen.

Diffusion models of few pictures learn some by heart (Carlini et al., "Extracting Training Data from Diffusion
Models", 2023). A copy adds nothing to a transfer set, and would let a patient's image out of the hospital as
one that is called synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SIDE = 32  # pixels at which pictures are compared
COPY = 0.5  # of the usual distance between two training pictures: what is nearer is a copy


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """How near samples are to the pictures that were learnt from.

    Parameters
    ----------
    index : ndarray (N,) int
        The nearest training picture of each sample.
    distance : ndarray (N,) float
        Root of the mean squared difference, of grey values 0 to 1.
    usual : float
        Median of the distances from each training picture to the nearest other one.
    """

    index: NDArray[np.int64]
    distance: NDArray[np.float64]
    usual: float

    @property
    def copies(self) -> NDArray[np.bool_]:
        """Which samples are nearer to a training picture than such pictures are to each other."""
        return self.distance < COPY * self.usual


def nearest(samples: Sequence[NDArray[np.uint8]], training: Sequence[NDArray[np.uint8]]) -> Nearest:
    """Compare samples with training pictures, (rows, columns, C) uint8 each, also mirrored."""
    theirs = np.stack([_small(image) for image in training])
    mirrored = theirs.reshape(len(theirs), _SIDE, _SIDE)[:, :, ::-1].reshape(len(theirs), -1)
    ours = np.stack([_small(image) for image in samples])
    apart = np.minimum(_distances(ours, theirs), _distances(ours, mirrored))
    among = np.minimum(_distances(theirs, theirs), _distances(theirs, mirrored))
    np.fill_diagonal(among, np.inf)
    usual = float(np.median(among.min(1))) if len(theirs) > 1 else 0.0
    return Nearest(apart.argmin(1), apart.min(1), usual)


def _small(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = np.ascontiguousarray(image.mean(2).round().astype(np.uint8))
    return (
        np.asarray(Image.fromarray(grey).resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64).ravel()
        / 255
    )


def _distances(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = (ours**2).sum(1)[:, None] + (theirs**2).sum(1)[None] - 2 * ours @ theirs.T
    distances: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0) / ours.shape[1])
    return distances
