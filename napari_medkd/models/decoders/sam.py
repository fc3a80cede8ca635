"""SAM's own mask decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer

from napari_medkd.models.decoders import decoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_DEPTH, _HEADS, _CANDIDATES = 2, 8, 3


def sam_parts(dim: int, mlp_dim: int) -> dict[str, Any]:
    """Return the arguments of segment-anything's `MaskDecoder`, as every published checkpoint has them."""
    return {
        "transformer_dim": dim,
        "transformer": TwoWayTransformer(depth=_DEPTH, embedding_dim=dim, mlp_dim=mlp_dim, num_heads=_HEADS),
        "num_multimask_outputs": _CANDIDATES,
        "iou_head_depth": 3,
        "iou_head_hidden_dim": 256,
    }


@decoders.register("sam")
class SamDecoder(MaskDecoder):  # type: ignore[misc]
    """Answers on one embedding at a quarter of its stride: logits (P, 4, 4g, 4g).

    Parameters
    ----------
    dim : int
        Channels of the embedding.
    mlp_dim : int
        Width of the transformer's two-layer networks.
    """

    def __init__(self, dim: int = 256, mlp_dim: int = 2048) -> None:
        super().__init__(**sam_parts(dim, mlp_dim))

    def forward(
        self, features: Sequence[Tensor], position: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answer P prompts, on one image or each on its own; see `napari_medkd.models.decoders`."""
        prompts = sparse.shape[0]
        learned = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([learned.unsqueeze(0).expand(prompts, -1, -1), sparse], dim=1)
        source = (features[0] + dense).expand(prompts, -1, -1, -1)
        tokens, cells = self.transformer(source, position.expand(prompts, -1, -1, -1), tokens)
        upscaled = self.output_upscaling(cells.transpose(1, 2).reshape(source.shape))
        answers = tokens[:, 1 : 1 + self.num_mask_tokens]
        weights = [network(answers[:, index]) for index, network in enumerate(self.output_hypernetworks_mlps)]
        maps = torch.stack(weights, dim=1) @ upscaled.flatten(2)
        logits = maps.reshape(*maps.shape[:2], *upscaled.shape[-2:])
        return logits, self.iou_prediction_head(tokens[:, 0])
