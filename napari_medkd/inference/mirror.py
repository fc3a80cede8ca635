"""A view seen in a mirror: a second opinion on a lone box, for a model that was trained on mirrored views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.inference.prompting import Tokens, swap_corners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt


def is_worthwhile(prompt: Prompt) -> bool:
    """Tell whether a prompt is an outline and nothing else, which is said once and may take a moment."""
    has_more = bool(prompt.points or prompt.scribbles) or prompt.edits is not None
    return (prompt.box is not None or prompt.lasso is not None) and not has_more


def mirrored(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (…, rows, columns) with the columns from right to left."""
    return np.ascontiguousarray(array[..., ::-1])


def mirrored_tokens(tokens: Tokens, side: int) -> Tokens:
    """Return a prompt as it looks in the mirror of a prompt frame of `side` columns."""
    coordinates = tokens.coordinates.copy()
    said = tokens.labels >= 0
    coordinates[..., 0] = np.where(said, side - 1 - coordinates[..., 0], coordinates[..., 0])
    mask = mirrored(tokens.mask) if tokens.mask is not None else None
    return Tokens(swap_corners(coordinates, tokens.labels), tokens.labels, mask)
