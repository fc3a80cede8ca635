"""Feature distillation at the teacher's own resolution, which is finer than the student's grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from src_training.losses.features import feature_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel
    from src_training.tasks.features import FeatureBatch


class FinerHead(nn.Module):
    """Embedding (B, C, g, g) and the trunk's maps at 2g and 4g → (B, T, 4g, 4g), as a feature pyramid.

    Serves the distillation alone and is thrown away after it; so nobody waits for it later.

    Parameters
    ----------
    channels : sequence of int
        Of the embedding and of the two maps.
    teacher : int
        T, channels of the teacher's embedding.
    width : int
        Channels in between.
    """

    def __init__(self, channels: Sequence[int], teacher: int, width: int = 64) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.smooth = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
            for _ in channels
        )
        self.out = nn.Conv2d(width, teacher, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse the maps, coarsest first."""
        layers = list(zip(self.laterals, self.smooth, maps, strict=True))
        lateral, smooth, first = layers[0]
        fused: Tensor = smooth(lateral(first))
        for lateral, smooth, finer in layers[1:]:
            larger = functional.interpolate(fused, size=finer.shape[-2:], mode="bilinear")
            fused = smooth(larger + lateral(finer))
        said: Tensor = self.out(fused)
        return said


class FinerFeatureTask(nn.Module):
    """L = MSE(embedding, teacher on the student's grid) + MSE(head(maps), teacher on its own grid).

    The first part is the paper's. The second is for what is smaller than a cell of the student's grid, which
    the teacher's map no longer shows once it is averaged over such cells.

    Parameters
    ----------
    student : PromptableModel
        What learns; its encoder gives finer maps beside the embedding.
    channels : int
        Of the teacher's embedding.
    """

    def __init__(self, student: PromptableModel, channels: int) -> None:
        super().__init__()
        self.student = student
        finer = [skip.out_channels for skip in student.image_encoder.trunk.skips][:2]  # type: ignore[union-attr]
        self.head = FinerHead([channels, *finer], channels)

    def forward(self, batch: FeatureBatch) -> dict[str, Tensor]:
        """Return ``loss`` and its parts; `batch` holds the teacher's embedding on its own grid."""
        embedding, *finer = self.student.encode(batch.images)[:3]
        said, inside = batch.embeddings, batch.inside
        rows, columns = embedding.shape[-2:]
        averaged = [functional.adaptive_avg_pool2d(maps, (rows, columns)) for maps in (said, inside)]
        coarse = feature_loss(embedding.float(), *averaged)
        maps = functional.interpolate(
            self.head([embedding, *finer]).float(), said.shape[-2:], mode="bilinear"
        )
        fine = feature_loss(maps, said, inside)
        return {"loss": coarse + fine, "coarse": coarse, "fine": fine}
