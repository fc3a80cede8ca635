"""RepViT as EdgeSAM and RepViT-SAM use it: a purely convolutional image encoder.

References: Wang et al., "RepViT: Revisiting Mobile CNN From ViT Perspective" (2023), figure 4 and table 1 for
the blocks and sizes; Zhou et al., "EdgeSAM" (2023), §3.1 for the fused neck; Wang et al., "RepViT-SAM"
(2023), §2. The blocks are timm's. The published checkpoints differ from timm's classification network in two
ways, which is why the stages are assembled here: a stage ends with the block that timm counts to the next
stage, and RepViT-SAM keeps the last stage at a stride of 16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from segment_anything.modeling.common import LayerNorm2d
from timm.models.repvit import ConvNorm, RepViTBlock, RepVitMlp, RepVitStem
from torch import nn
from torch.nn import functional

from napari_medkd.models.encoders import encoders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

# Widths of the stages, and blocks of each besides the step into it and the plain one that ends it.
_SIZES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "m1": ((48, 96, 192, 384), (2, 2, 14, 2)),
    "m2.3": ((80, 160, 320, 640), (6, 6, 34, 2)),
}


@encoders.register("repvit")
def repvit(
    size: Literal["m1", "m2.3"] = "m1",
    neck: Literal["fused", "plain"] = "fused",
    sum_norm: bool = False,
    widths: Sequence[int] = (),
    depths: Sequence[int] = (),
    embedding_dim: int = 256,
) -> nn.Module:
    """Build a RepViT image encoder whose embedding has S / 16 rows and columns.

    Parameters
    ----------
    size : "m1" or "m2.3"
        EdgeSAM's or RepViT-SAM's; `widths` and `depths`, where given, override it.
    neck : "fused" or "plain"
        Fused: the last stage is at a stride of 32 and added to the one before (EdgeSAM). Plain: the last
        stage stays at 16 and is read alone (RepViT-SAM).
    sum_norm : bool
        False where each branch of a depthwise block has its own batch norm (the first RepViT, as in
        EdgeSAM); True where their sum has one too (the later RepViT, as in RepViT-SAM).
    widths, depths : sequence of 4 int
        Channels and blocks of each stage.
    embedding_dim : int
        Channels of the embedding.
    """
    own_widths, own_depths = _SIZES[size]
    return RepViT(
        widths or own_widths,
        depths or own_depths,
        fused=neck == "fused",
        legacy=not sum_norm,
        embedding_dim=embedding_dim,
    )


class RepViT(nn.Module):
    """(B, 3, S, S) → (B, embedding_dim, S / 16, S / 16); see `repvit`."""

    def __init__(
        self, widths: Sequence[int], depths: Sequence[int], *, fused: bool, legacy: bool, embedding_dim: int
    ) -> None:
        super().__init__()
        self.stem = RepVitStem(3, widths[0], nn.GELU)
        stages = []
        for index, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            last = index == len(widths) - 1
            blocks: list[nn.Module] = [
                RepViTBlock(width, 2, 3, block % 2 == 0, nn.GELU, legacy) for block in range(depth)
            ]
            if index:
                blocks.insert(0, Downsample(widths[index - 1], width, stride=1 if last and not fused else 2))
            if not last:
                blocks.append(RepViTBlock(width, 2, 3, False, nn.GELU, legacy))
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.fuse = Fusion(widths[-2], widths[-1], embedding_dim) if fused else None
        self.neck = nn.Sequential(
            nn.Conv2d(embedding_dim if fused else widths[-1], embedding_dim, 1, bias=False),
            LayerNorm2d(embedding_dim),
            nn.Conv2d(embedding_dim, embedding_dim, 3, padding=1, bias=False),
            LayerNorm2d(embedding_dim),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Encode normalised, padded images."""
        features = self.stem(image)
        for stage in self.stages[:-1]:
            features = stage(features)
        coarse = self.stages[-1](features)
        encoded: Tensor = self.neck(coarse if self.fuse is None else self.fuse(features, coarse))
        return encoded


class Downsample(nn.Module):
    """The step into a stage: depthwise with a stride, change of width, perceptron."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.spatial = ConvNorm(inputs, inputs, 3, stride, 1, groups=inputs)
        self.channel = ConvNorm(inputs, outputs)
        self.channel_mixer = RepVitMlp(outputs, 2 * outputs, nn.GELU)

    def forward(self, features: Tensor) -> Tensor:
        """Bring (B, inputs, H, W) to the stage's grid and width."""
        merged: Tensor = self.channel(self.spatial(features))
        mixed: Tensor = merged + self.channel_mixer(merged)
        return mixed


class Fusion(nn.Module):
    """Bring the last two stages to one width and add them on the finer grid."""

    def __init__(self, fine: int, coarse: int, outputs: int) -> None:
        super().__init__()
        self.fine = nn.Conv2d(fine, outputs, 1, bias=False)
        self.coarse = nn.Conv2d(coarse, outputs, 1, bias=False)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Add the coarse stage to the fine one."""
        raised = functional.interpolate(
            self.coarse(coarse), size=fine.shape[-2:], mode="bicubic", align_corners=False
        )
        fused: Tensor = self.fine(fine) + raised
        return fused
