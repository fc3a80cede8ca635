"""An image encoder that was searched for: built from an explicit description of its stages.

Reference: "EfficientMedSAM" (IEEE EDGE 2024). The description is `napari_medkd.models.encoders.blueprint`,
the search itself `src_training.search`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_anything.modeling.common import LayerNorm2d
from torch import nn

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.encoders import encoders
from napari_medkd.models.encoders.blueprint import Blueprint, blueprint, preset
from napari_medkd.models.encoders.efficientvit import Neck as FusedNeck
from napari_medkd.models.encoders.operations import build_operation
from napari_medkd.models.encoders.pyramid import Neck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_medkd.models.encoders.blueprint import StagePlan

COLOURS = 3
FIRST_SUMMED = 2  # the neck sums the stages from this one on: those of stride 8, 16 and 32


@encoders.register("searched")
def searched(size: str = "", **description: Any) -> nn.Module:
    """Build a searched encoder: one of the paper's sizes, or from a description.

    Parameters
    ----------
    size : "l0", "l1", "l2" or ""
        A fixed size of the paper's stage table; then there is no description.
    **description
        What `Blueprint` has.
    """
    if size and description:
        raise InvalidSetting(
            f"The size {size} says all; it takes no {next(iter(description))}.", "Leave one of them out."
        )
    return SearchedEncoder(preset(size) if size else blueprint(description))


class SearchedEncoder(nn.Module):
    """(B, 3, S, S) → (B, dim, S / cell, S / cell); S a multiple of 32.

    Parameters
    ----------
    plan : Blueprint
        What it is made of.
    """

    def __init__(self, plan: Blueprint) -> None:
        super().__init__()
        widths = [stage.width for stage in plan.stages]
        self.stages = nn.ModuleList(
            Stage(inputs, stage) for inputs, stage in zip((COLOURS, *widths), plan.stages, strict=False)
        )
        self.neck = build_neck(widths, plan)

    def forward(self, image: Tensor) -> Tensor:
        """Encode normalised, padded images."""
        return self.look(image)[0]

    def look(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the embedding, and the maps of the stages of stride 2 to 32."""
        maps: list[Tensor] = []
        for stage in self.stages:
            image = stage(image)
            maps.append(image)
        return self.neck(maps[FIRST_SUMMED:]), maps


class Stage(nn.Module):
    """A step down, then the nodes of a plan: x_j = Σ o_ij(x_i)."""

    def __init__(self, inputs: int, plan: StagePlan) -> None:
        super().__init__()
        self.down = build_operation(plan.down, inputs, plan.width, stride=2)
        self.operations = nn.ModuleList()
        self._ways: list[tuple[int, int]] = []
        for edge in sorted(plan.edges, key=lambda edge: (edge.target, edge.source)):
            for name in edge.operations:
                self.operations.append(build_operation(name, plan.width, plan.width))
                self._ways.append((edge.source, edge.target))

    def forward(self, maps: Tensor) -> Tensor:
        """Halve the resolution and go through the nodes."""
        nodes: list[Tensor] = [self.down(maps)]
        for (source, target), operation in zip(self._ways, self.operations, strict=True):
            found = operation(nodes[source])
            if target < len(nodes):
                nodes[target] = nodes[target] + found
            else:
                nodes.append(found)
        return nodes[-1]


def build_neck(widths: Sequence[int], plan: Blueprint) -> nn.Module:
    """Build what brings the stages of stride 8, 16 and 32 to one grid."""
    summed = widths[FIRST_SUMMED:]
    if plan.mixing == "fused":
        return nn.Sequential(FusedNeck(summed, plan.dim, plan.neck_blocks), LayerNorm2d(plan.dim))
    finer = int(plan.cell == 16)
    return Neck(summed, plan.dim, plan.neck_width, plan.neck_blocks, plan.mixing == "dense", finer)
