"""The two halves of a promptable model as graphs without a branch, for export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel


class EncoderGraph(nn.Module):
    """image (1, 3, S, S) → features (1, C, g, g) and the finer maps that the decoder wants."""

    def __init__(self, model: PromptableModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode one image."""
        return self.model.encode(image)


class DecoderGraph(nn.Module):
    """One prompt → logits (1, M, h, h) and scores (1, M); `has_mask` (1,) is 1 where `mask` counts."""

    def __init__(self, model: PromptableModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        features: tuple[Tensor, ...],
        coordinates: Tensor,
        labels: Tensor,
        mask: Tensor,
        has_mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Answer one prompt."""
        without = self.model.embed_no_mask(features[0])
        dense = has_mask * self.model.embed_mask(mask) + (1 - has_mask) * without
        sparse = self.model.embed_tokens(coordinates, labels)
        return self.model.decode_embedded(features, sparse, dense)
