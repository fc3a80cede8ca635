"""What a searched encoder is made of, written down: stages, nodes, and operations between them.

Reference: "EfficientMedSAM" (IEEE EDGE 2024, DOI 10.1109/EDGE62653.2024.00030). Its stage table is that of
EfficientViT-SAM (Zhang et al. 2024), from which `preset` writes it down. No torch here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_medkd.errors import InvalidSetting, UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping

STAGES = 5  # of stride 2, 4, 8, 16 and 32
SKIP, NONE = "skip", "none"
_FORM = re.compile(
    r"(?P<kind>conv|ds)(?P<kernel>[357])|mb(?P<mb>[357])_e(?P<mb_expand>\d+)|fmb(?P<fmb>[357]?)_e(?P<fmb_expand>\d+)"
    r"|litemla|pw|skip|none"
)
# Widths of the stages; blocks of each stage and of the neck of the sizes 0, 1 and 2 (the paper's table).
_WIDTHS = (32, 64, 128, 256, 512)
_DEPTHS = {"l0": (1, 1, 1, 4, 4), "l1": (1, 1, 1, 6, 6), "l2": (1, 2, 2, 8, 8)}
_NECKS = {"l0": 4, "l1": 8, "l2": 12}
_DOWN = ("conv3", "fmb_e16", "fmb_e16", "mb3_e16", "mb3_e24")
_BLOCKS = (("fmb_e1",), ("fmb_e4",), ("fmb_e4",), ("mb3_e4",), ("litemla", "mb3_e6"))


class Form(NamedTuple):
    """What the name of an operation says."""

    kind: str
    kernel: int
    expand: int


def read_operation(name: str) -> Form:
    """Read a name such as ``conv3``, ``ds5``, ``mb3_e4``, ``fmb_e4``, ``litemla``, ``pw``, ``skip``."""
    found = _FORM.fullmatch(name)
    if found is None:
        raise UnknownName(
            f"There is no operation {name!r} for a searched encoder.",
            "Known: conv3, conv5, ds3, ds5, mb3_e4, mb5_e4, mb3_e6, fmb_e4, litemla, pw, skip, none.",
        )
    part = found.groupdict()
    if part["kind"]:
        return Form(part["kind"], int(part["kernel"]), 1)
    if part["mb"]:
        return Form("mb", int(part["mb"]), int(part["mb_expand"]))
    if part["fmb_expand"]:
        return Form("fmb", int(part["fmb"] or 3), int(part["fmb_expand"]))
    return Form(name, 1, 1)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Edge(_Part):
    """What leads from one node of a stage to a later one: the sum of its operations."""

    source: int = Field(ge=0, description="Node that it reads; 0 is the stage's input after its step down.")
    target: int = Field(ge=1, description="Node that it adds to.")
    operations: tuple[str, ...] = Field(min_length=1, description="Names of operations.")

    @model_validator(mode="after")
    def _check(self) -> Edge:
        if self.source >= self.target:
            raise ValueError("an edge leads to a later node")
        for name in self.operations:
            if read_operation(name).kind == NONE:
                raise ValueError("an edge without an operation is left out")
        return self


class StagePlan(_Part):
    """A step down to half the resolution, then nodes.

    Node j is the sum of the edges into it; the last one is the stage's output.
    """

    width: int = Field(ge=1, le=4096, description="Channels.")
    down: str = Field(description="Operation of the step down, with stride 2.")
    edges: tuple[Edge, ...] = Field((), description="In any order; none for a stage that only steps down.")

    @property
    def nodes(self) -> int:
        """Nodes after the first."""
        return max((edge.target for edge in self.edges), default=0)

    @model_validator(mode="after")
    def _check(self) -> StagePlan:
        if read_operation(self.down).kind in (SKIP, NONE, "litemla"):
            raise ValueError(f"{self.down} cannot halve a resolution")
        if {edge.target for edge in self.edges} != set(range(1, self.nodes + 1)):
            raise ValueError("every node needs an edge into it")
        return self


class Blueprint(_Part):
    """A searched encoder: all that is needed to build it again."""

    stages: tuple[StagePlan, ...] = Field(min_length=STAGES, max_length=STAGES)
    dim: int = Field(256, ge=1, description="Channels of the embedding.")
    neck_width: int = Field(128, ge=8, description="Channels of the neck.")
    neck_blocks: int = Field(1, ge=0, description="Residual blocks of the neck.")
    mixing: Literal["separable", "dense", "fused"] = Field(
        "separable",
        description="Blocks of the neck: depthwise-separable, whole 3×3 convolutions, or EfficientViT-SAM's.",
    )
    cell: Literal[8, 16] = Field(16, description="Pixels of the input for one cell of the embedding.")

    @model_validator(mode="after")
    def _check(self) -> Blueprint:
        if self.mixing == "fused" and self.cell != 8:
            raise ValueError("the fused neck has cells of 8 pixels")
        return self


def blueprint(options: Mapping[str, Any]) -> Blueprint:
    """Check a description; what is wrong with it becomes a sentence."""
    try:
        return Blueprint.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSetting(
            f"This is no description of an encoder: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            "See docs/recipes/efficient-medsam.md for its form.",
        ) from error


def preset(size: str) -> Blueprint:
    """Return the paper's size ``l0``, ``l1`` or ``l2``, by its stage table and EfficientViT-SAM's neck."""
    if size not in _DEPTHS:
        raise UnknownName(f"There is no size {size!r} of EfficientMedSAM.", f"Known: {', '.join(_DEPTHS)}.")
    stages = [
        chain(width, down, blocks * depth)
        for width, down, blocks, depth in zip(_WIDTHS, _DOWN, _BLOCKS, _DEPTHS[size], strict=True)
    ]
    neck = {"neck_width": 256, "neck_blocks": _NECKS[size], "mixing": "fused", "cell": 8}
    return Blueprint(stages=tuple(stages), **neck)


def efficientvit_b1() -> Blueprint:
    """Return EfficientViT-B1's stages (Cai et al. 2023, table 1) with a small neck, to compare with."""
    attention = ("litemla", "mb3_e4")
    stages = (
        chain(16, "conv3", ("ds3",)),
        chain(32, "mb3_e4", ("mb3_e4",)),
        chain(64, "mb3_e4", ("mb3_e4",) * 2),
        chain(128, "mb3_e4", attention * 3),
        chain(256, "mb3_e4", attention * 4),
    )
    return Blueprint(stages=stages)


def chain(width: int, down: str, operations: tuple[str, ...]) -> StagePlan:
    """Return a stage whose operations come one after the other."""
    edges = tuple(
        Edge(source=number, target=number + 1, operations=(name,)) for number, name in enumerate(operations)
    )
    return StagePlan(width=width, down=down, edges=edges)
