"""The reference: segment-anything's own predictor with a ViT-B of random weights; speed needs no others."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import measuring

_ENCODES = 2  # half a minute each on two cores


def measure(size: int, repeats: int, threads: int) -> dict[str, Any]:
    """Time `SamPredictor` on an image of `size` pixels a side, with one box."""
    import torch
    from segment_anything import SamPredictor, sam_model_registry

    if threads:
        torch.set_num_threads(threads)
    predictor = SamPredictor(sam_model_registry["vit_b"]())
    image = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    box = np.array([size * 0.3, size * 0.3, size * 0.6, size * 0.6])
    encodes = measuring.seconds_of(lambda: predictor.set_image(image), _ENCODES)
    predictor.predict(box=box, multimask_output=False)
    decodes = measuring.seconds_of(lambda: predictor.predict(box=box, multimask_output=False), repeats)
    return {
        "what": f"segment-anything SamPredictor, ViT-B, torch, {torch.get_num_threads()} threads",
        "encode_s": measuring.summary(encodes),
        "decode_s": measuring.summary(decodes),
        "peak_mb": measuring.peak_mb(),
    }
