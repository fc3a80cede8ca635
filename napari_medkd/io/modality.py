"""What kind of image it is, where the file does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AIR_HU = -500  # only Hounsfield units go that low: air is -1000, fat -100
_SAMPLE = 1_000_000


def guess_modality(data: NDArray[Any]) -> str:
    """Return ``"CT"`` for whole numbers that reach down to air in Hounsfield units, else ``""``: unknown."""
    flat = data.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    if sample.size == 0 or sample.min() >= _AIR_HU or sample.max() < 0:
        return ""
    return "CT" if bool((np.mod(sample, 1) == 0).mean() > 0.5) else ""
