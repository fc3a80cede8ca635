"""SAM's mask decoder without prompts: a learned token for every class, and one for what is none of them.

The decoder of TS-KD, of its students and of its teachers: SAM's transformer and upscaling under SAM's
parameter names, so that weights learnt with prompts can start it, and no token that depends on the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from segment_anything.modeling import MaskDecoder

from napari_medkd.models.decoders import decoders
from napari_medkd.models.decoders.sam import sam_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@decoders.register("prompt_free")
class PromptFreeDecoder(MaskDecoder):  # type: ignore[misc]
    """Answers with a mask for every class at a quarter of the embedding's stride: logits (P, K, 4g, 4g).

    Parameters
    ----------
    dim : int
        Channels of the embedding.
    classes : int
        Classes, K. They exclude each other: the background and they share each pixel's probability.
    mlp_dim : int
        Width of the transformer's two-layer networks.
    """

    def __init__(self, dim: int = 256, classes: int = 1, mlp_dim: int = 512) -> None:
        super().__init__(**{**sam_parts(dim, mlp_dim), "num_multimask_outputs": classes})

    def forward(
        self, features: Sequence[Tensor], position: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answer as other decoders do, whatever `sparse` says; see `napari_medkd.models.decoders`.

        Returns
        -------
        logits : Tensor (P, K, 4g, 4g)
            Log odds of each class against everything else: above 0 it is more likely than not.
        scores : Tensor (P, K)
            Predicted overlap, as good as it was trained.
        """
        scores, overlaps = self.class_scores(features, position, dense)
        prompts = len(sparse)
        return log_odds(scores).expand(prompts, -1, -1, -1), overlaps[:, 1:].expand(prompts, -1)

    def class_scores(
        self, features: Sequence[Tensor], position: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what a softmax over classes takes, (B, 1 + K, 4g, 4g), background first; for losses.

        `features` and `dense` are (B, …) or `dense` is (1, …); the second tensor, (B, 1 + K), are the
        predicted overlaps.
        """
        embedding = features[0]
        batch = len(embedding)
        learned = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        source = embedding + dense
        tokens, cells = self.transformer(
            source, position.expand(batch, -1, -1, -1), learned.expand(batch, -1, -1)
        )
        upscaled = self.output_upscaling(cells.transpose(1, 2).reshape(source.shape))
        answers = tokens[:, 1:]
        weights = [network(answers[:, index]) for index, network in enumerate(self.output_hypernetworks_mlps)]
        scores = torch.einsum("bmc,bchw->bmhw", torch.stack(weights, dim=1), upscaled)
        return scores, self.iou_prediction_head(tokens[:, 0])


def log_odds(scores: Tensor) -> Tensor:
    """Turn the scores of exclusive classes, (B, 1 + K, h, w), into log odds of each but the first.

    The k-th is z_k - log Σ_(j≠k) exp z_j, so that its sigmoid is the softmax probability of class k.
    """
    count = scores.shape[1]
    others = [
        torch.cat([scores[:, :index], scores[:, index + 1 :]], dim=1).logsumexp(1)
        for index in range(1, count)
    ]
    odds: Tensor = scores[:, 1:] - torch.stack(others, dim=1)
    return odds
