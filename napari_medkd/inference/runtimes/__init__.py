"""What runs a network: the smallest thing that a segmenter needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Runtime(Protocol):
    """Encode an input once, decode prompts on it many times.

    Everything is numpy and in the network's own frame: (x, y) coordinates in the prompt frame.
    """

    @property
    def name(self) -> str:
        """What runs it, for people: ``"ONNX Runtime, CPU, 2 threads"``."""
        ...

    def encode(self, image: NDArray[np.float32]) -> Any:
        """Encode a normalised, padded image (1, 3, S, S) to a tuple of features, or to a handle to them.

        The first are (1, C, g, g); finer maps follow where the model's decoder wants any.
        """
        ...

    def decode(
        self,
        features: Any,
        coordinates: NDArray[np.float32],
        labels: NDArray[np.float32],
        mask: NDArray[np.float32] | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer one prompt.

        Parameters
        ----------
        features : object
            What `encode` returned.
        coordinates : ndarray (1, N, 2)
            (x, y) of each token, N ≥ 1.
        labels : ndarray (1, N)
            1 inside, 0 outside, 2 and 3 the top-left and bottom-right corner of a box, -1 padding (SAM's
            convention: one padding token follows the points where there is no box).
        mask : ndarray (1, 1, 4g, 4g) or None
            Logits of the previous answer.

        Returns
        -------
        logits : ndarray (M, h, h)
            h is the card's `logit_side`; M is 1, or 4: the answer to a clear prompt, then three candidates
            for an unclear one.
        scores : ndarray (M,)
            Predicted intersection over union.
        """
        ...

    def close(self) -> None:
        """Release what it holds; calling twice is harmless."""
        ...
