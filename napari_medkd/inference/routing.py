"""Which kind of image a slice is, for a model that tells kinds apart and looks for other things in each.

The last of the features that such a model's encoder gives are the log odds of the kinds (1, K): its router's
answer. The decoder goes by the highest, so to say which kind it is means to replace these numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.models.card import ModelCard

_CERTAIN = 50.0
# A kind that is less likely than this may be none of those that the model knows. The recipe cools a router
# until one image in twenty of known kinds lies below; docs/recipes/esp-medsam.md says how many strangers do.
SURE = 0.8


def probabilities(card: ModelCard, features: Any) -> dict[str, float]:
    """Return how likely each kind of image is, the likeliest first; empty where the model does not tell."""
    kinds = card.architecture.kinds
    if not kinds:
        return {}
    odds = _arrays(features)[-1].reshape(-1).astype(np.float64) / card.architecture.router_temperature
    shares = np.exp(odds - odds.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    return {kinds[index]: float(shares[index]) for index in order}


def taken_for(card: ModelCard, features: Any, modality: str) -> Any:
    """Return the features of a slice with the decoder told that it is a slice of `modality`."""
    arrays, kinds = _arrays(features), card.architecture.kinds
    index = kinds.index(modality)
    if int(arrays[-1].argmax()) == index:
        return features
    said = np.full((1, len(kinds)), -_CERTAIN, np.float32)
    said[0, index] = _CERTAIN
    changed = (*arrays[:-1], said)
    return changed if isinstance(features, tuple) else features.replaced(changed)


def _arrays(features: Any) -> tuple[NDArray[np.float32], ...]:
    """Return the maps themselves; a runtime in another process gives a handle that holds them."""
    arrays: tuple[NDArray[np.float32], ...] = features if isinstance(features, tuple) else features.arrays
    return arrays
