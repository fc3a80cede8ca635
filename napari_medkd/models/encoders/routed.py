"""Any other image encoder as the trunk that all kinds of image share, with a router beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from napari_medkd.models.encoders import create_encoder, encoders
from napari_medkd.models.modality.router import Router

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@encoders.register("routed")
class RoutedEncoder(nn.Module):
    """(B, 3, S, S) → what the trunk gives, and after it the log odds of the kinds (B, K).

    ESP-MedSAM's modality aggregator is such a trunk (a TinyViT there); what is particular to a kind of image
    comes after it, in `napari_medkd.models.decoders.modality`. So an image is encoded before anybody has to
    know its kind, and a user who says another kind waits for the decoder alone.

    Parameters
    ----------
    trunk : str
        Registered name of another encoder.
    trunk_options : mapping
        Its arguments.
    channels : int
        Of its embedding.
    kinds : int
        K.
    """

    def __init__(
        self,
        trunk: str = "pyramid",
        trunk_options: Mapping[str, Any] | None = None,
        channels: int = 256,
        kinds: int = 1,
    ) -> None:
        super().__init__()
        self.trunk = create_encoder(trunk, **dict(trunk_options or {}))
        self.router = Router(channels, kinds)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode images."""
        features = self.trunk(image)
        maps = features if isinstance(features, tuple) else (features,)
        return *maps, self.router(maps[0])
