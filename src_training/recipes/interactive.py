"""The default student: an image encoder distilled from a teacher, then masks with prompts in the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from src_training.recipes.base import RecipeConfig, Stage, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from napari_medkd.models.card import ModelCard
    from src_training.context import Context


class InteractiveConfig(RecipeConfig):
    """Numbers of the recipe ``interactive``."""

    backbone: str = Field(
        "tf_efficientnet_lite0", title="Backbone", description="Name of a timm network with five stages."
    )
    size: Literal[128, 192, 256, 320, 384, 512] = Field(
        256, title="Input", description="Side of the student's input, in pixels."
    )
    teacher: str = Field(
        "litemedsam",
        title="Teacher",
        description="Model whose embeddings and masks are learnt; empty for none.",
    )
    feature_steps: int = Field(
        400, ge=0, title="Feature steps", description="Steps in which the encoder copies the teacher's."
    )
    mask_steps: int = Field(
        4000, ge=0, title="Mask steps", description="Steps with masks and prompts in the loop."
    )
    rounds: int = Field(
        3, ge=1, le=11, title="Rounds", description="Prompts in a row for one object, each at the error left."
    )
    objects: int = Field(
        2, ge=1, le=16, title="Objects", description="Objects that are asked for in one view of an image."
    )
    pseudo: float = Field(
        0.2, ge=0, le=1, title="Teacher's objects", description="Share of objects that only the teacher sees."
    )


@recipes.register("interactive")
class Interactive:
    """Feature distillation, then masks with prompts in the loop."""

    title = "Interactive student"
    config = InteractiveConfig
