"""A plain vision transformer, ViT-Tiny unless told otherwise, with SAM's neck.

Reference: Dosovitskiy et al., "An Image is Worth 16×16 Words" (2021) for the network, Touvron et al.,
"Training data-efficient image transformers" (2021) for the size called tiny, Kirillov et al., "Segment
Anything" (2023) for the neck. It is the student of TS-KD, which aligns its hidden tokens with a teacher's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_anything.modeling.common import LayerNorm2d
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from napari_medkd.models.encoders import encoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@encoders.register("vit_tiny")
class PlainVit(nn.Module):
    """(B, 3, S, S) → (B, dim, S / patch, S / patch) for any S that is a multiple of `patch`.

    Parameters
    ----------
    image_size : int
        Side of the input that the table of positions is made for; it is interpolated for another one.
    patch : int
        Side of a patch, in pixels.
    width, depth, heads : int
        Of the transformer; what is there without them is ViT-Tiny.
    dim : int
        Channels of the embedding.
    """

    def __init__(
        self,
        image_size: int = 512,
        patch: int = 16,
        width: int = 192,
        depth: int = 12,
        heads: int = 3,
        dim: int = 256,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.trunk = VisionTransformer(
            img_size=image_size,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            num_classes=0,
            global_pool="",
            class_token=False,
            dynamic_img_size=True,
        )
        self.neck = nn.Sequential(
            nn.Conv2d(width, dim, 1, bias=False),
            LayerNorm2d(dim),
            nn.Conv2d(dim, dim, 3, padding=1, bias=False),
            LayerNorm2d(dim),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Encode normalised, padded images."""
        return self._embedded(self.trunk.forward_features(image), image)

    def forward_hidden(self, image: Tensor, blocks: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Encode images and return the tokens after chosen blocks with the embedding; for training only.

        Parameters
        ----------
        image : Tensor (B, 3, S, S)
            Normalised, padded images.
        blocks : sequence of int
            Which blocks, the first one being 1, in ascending order.

        Returns
        -------
        embedding : Tensor (B, dim, g, g)
            What `forward` returns.
        hidden : list of Tensor (B, g, g, width)
            The tokens after each of `blocks`, laid out as SAM's own blocks have them.
        """
        indices = [block - 1 for block in blocks]
        answer: Any = self.trunk.forward_intermediates(image, indices=indices, output_fmt="NCHW")
        tokens, hidden = answer
        return self._embedded(tokens, image), [maps.permute(0, 2, 3, 1) for maps in hidden]

    def _embedded(self, tokens: Tensor, image: Tensor) -> Tensor:
        """Bring the last tokens, (B, N, width), through the neck."""
        rows, columns = (side // self.patch for side in image.shape[-2:])
        maps = tokens.transpose(1, 2).reshape(len(tokens), -1, rows, columns)
        embedding: Tensor = self.neck(maps)
        return embedding
