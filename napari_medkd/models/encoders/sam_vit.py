"""SAM's own image encoder: a plain vision transformer with windowed and a few global blocks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from segment_anything.modeling import ImageEncoderViT

from napari_medkd.models.encoders import encoders

if TYPE_CHECKING:
    from torch import nn

# width, depth, heads and the blocks with global attention, as in "Segment Anything" (2023)
_SIZES: dict[str, tuple[int, int, int, tuple[int, ...]]] = {
    "b": (768, 12, 12, (2, 5, 8, 11)),
    "l": (1024, 24, 16, (5, 11, 17, 23)),
    "h": (1280, 32, 16, (7, 15, 23, 31)),
}


@encoders.register("sam_vit")
def sam_vit(
    size: Literal["b", "l", "h"] = "b",
    image_size: int = 1024,
    width: int = 0,
    depth: int = 0,
    heads: int = 0,
    window: int = 14,
) -> nn.Module:
    """Build the ViT-B, -L or -H of SAM; a non-zero `width`, `depth` or `heads` overrides the size's own.

    The embedding has image_size / 16 rows and columns.
    """
    own_width, own_depth, own_heads, global_blocks = _SIZES[size]
    encoder: nn.Module = ImageEncoderViT(
        img_size=image_size,
        patch_size=16,
        embed_dim=width or own_width,
        depth=depth or own_depth,
        num_heads=heads or own_heads,
        mlp_ratio=4,
        out_chans=256,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=global_blocks,
        window_size=window,
    )
    return encoder
