"""A decoder for small grids: SAM's transformer on few cells, and the encoder's finer maps for the border.

A click costs what the transformer costs, and that goes with the cells of the grid; what a small grid cannot
see, thin structures and the last pixels of a border, comes back from maps of 2, 4 and 8 times its resolution
that are added while the mask is scaled up (as in SAM 2, Ravi et al. 2024, section 4, and Swin-LiteMedSAM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from segment_anything.modeling import MaskDecoder
from segment_anything.modeling.mask_decoder import MLP
from torch import nn
from torch.nn import functional

from napari_medkd.models.decoders import decoders
from napari_medkd.models.decoders.sam import sam_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@decoders.register("multi_scale")
class MultiScaleDecoder(MaskDecoder):  # type: ignore[misc]
    """Answers at an eighth of the grid's stride: logits (P, 4, 8g, 8g).

    Parameters
    ----------
    dim : int
        Channels of the embedding.
    mlp_dim : int
        Width of the transformer's two-layer networks; they see only tokens, so that it hardly costs time.
    """

    def __init__(self, dim: int = 256, mlp_dim: int = 512) -> None:
        super().__init__(**sam_parts(dim, mlp_dim))
        fine = dim // 16
        self.finest = nn.ConvTranspose2d(dim // 8, fine, kernel_size=2, stride=2)
        self.smooth = nn.Conv2d(fine, fine, kernel_size=3, padding=1, groups=fine)
        self.border = MLP(dim, dim, fine, 3)
        nn.init.zeros_(self.border.layers[-1].weight)  # SAM's own answer, until the border is learnt
        nn.init.zeros_(self.border.layers[-1].bias)

    def forward(
        self, features: Sequence[Tensor], position: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answer P prompts, on one image or each on its own; see `napari_medkd.models.decoders`."""
        embedding, *skips = features
        prompts = sparse.shape[0]
        learned = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([learned.unsqueeze(0).expand(prompts, -1, -1), sparse], dim=1)
        source = (embedding + dense).expand(prompts, -1, -1, -1)
        tokens, cells = self.transformer(source, position.expand(prompts, -1, -1, -1), tokens)
        source = cells.transpose(1, 2).reshape(source.shape)
        answers = tokens[:, 1 : 1 + self.num_mask_tokens]
        middle, fine = self._scaled_up(source, skips)
        weights = [network(answers[:, index]) for index, network in enumerate(self.output_hypernetworks_mlps)]
        logits = functional.interpolate(
            _product(torch.stack(weights, dim=1), middle), scale_factor=2.0, mode="bilinear"
        )
        return logits + _product(self.border(answers), fine), self.iou_prediction_head(tokens[:, 0])

    def _scaled_up(self, source: Tensor, skips: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Bring (P, C, g, g) to (P, C/8, 4g, 4g) as SAM does, and on to (P, C/16, 8g, 8g) for the border."""
        first, norm, act, second, _ = self.output_upscaling
        middle = act(second(act(norm(first(source) + skips[0]))) + skips[1])
        fine = functional.relu(self.finest(middle) + skips[2])
        return middle, fine + self.smooth(fine)


def _product(weights: Tensor, maps: Tensor) -> Tensor:
    """Return the inner products of (P, M, C) weights with (P, C, h, w) maps: (P, M, h, w)."""
    return torch.einsum("pmc,pchw->pmhw", weights, maps)
