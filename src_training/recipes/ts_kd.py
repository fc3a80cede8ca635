"""TS-KD: few labels, many pictures, and a large model that first learns the task itself.

Reference: "Task-Specific Knowledge Distillation from the Vision Foundation Model for Enhanced Medical Image
Segmentation" (arXiv 2503.06976). The teacher is adapted to the task by LoRA on the labelled pictures, a
transfer set without labels is completed by a diffusion model, a ViT-Tiny is pre-trained on it by aligning
hidden layers and predictions, and then fine-tuned on the labels. Deviations: docs/recipes/ts-kd.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from src_training.recipes.base import Recipe, RecipeConfig, Stage, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes.ts_kd_stages import Making


class TsKdConfig(RecipeConfig):
    """Numbers of the recipe ``ts-kd``."""

    pretraining: Literal["ts-kd", "task-agnostic", "mae", "none"] = Field(
        "ts-kd",
        title="Pre-training",
        description="What the student learns before it sees labels: an adapted teacher's hidden layers and "
        "predictions, the embedding of the teacher as it is, hidden patches, or nothing.",
    )
    targets: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        title="Targets",
        description="Names of what is looked for. Two or more make the values 1, 2, … of the masks classes; "
        "else whatever is marked is one, called what dataset.json says.",
    )
    labels: int = Field(
        0,
        ge=0,
        title="Labels",
        description="Labelled cases that are used; the others lose theirs. 0 uses all.",
    )
    turns: bool = Field(
        True,
        title="Turns",
        description="Whether pictures are mirrored and turned; not where left and right are two classes.",
    )
    size: Literal[128, 192, 256, 320, 384, 512] = Field(
        256, title="Input", description="Side of the student's input, in pixels."
    )
    width: int = Field(192, ge=32, le=768, title="Width", description="Channels of the student's tokens.")
    depth: int = Field(12, ge=1, le=24, title="Depth", description="Blocks of the student.")
    heads: int = Field(3, ge=1, le=12, title="Heads", description="Attention heads of each block.")
    teacher: str = Field(
        "litemedsam", title="Teacher", description="Installed model with a transformer as its image encoder."
    )
    teacher_size: int = Field(
        0,
        ge=0,
        le=1024,
        title="Teacher's input",
        description="Side of the teacher's input, in pixels; half of it is four times as fast. 0 is its own.",
    )
    rank: int = Field(4, ge=1, le=64, title="Rank", description="Of the matrices that LoRA adds.")
    alpha: float = Field(4.0, gt=0, title="Alpha", description="What LoRA adds counts alpha / rank.")
    teacher_steps: int = Field(
        300, ge=0, title="Teacher's steps", description="Steps in which the teacher learns the task."
    )
    teacher_batch: int = Field(
        2, ge=1, le=256, title="Teacher's batch", description="Pictures in one of these steps."
    )
    teacher_rate: float = Field(
        1e-3, gt=0, le=1, title="Teacher's rate", description="Learning rate of LoRA and of its decoder."
    )
    transfer: int = Field(
        600, ge=1, title="Transfer set", description="Pictures that the student is pre-trained on."
    )
    real: int = Field(
        0, ge=0, title="Real pictures", description="Real ones among them at most; 0 takes all there are."
    )
    synthetic: bool = Field(
        True,
        title="Synthetic images",
        description="Whether a diffusion model makes the pictures that the transfer set lacks.",
    )
    diffusion_size: Literal[32, 64, 128] = Field(
        64, title="Diffusion size", description="Side of the images that it draws, in pixels."
    )
    diffusion_width: int = Field(
        32, ge=16, le=256, multiple_of=16, title="Diffusion width", description="Channels of its U-Net."
    )
    diffusion_steps: int = Field(1000, ge=1, title="Diffusion steps", description="Steps in which it learns.")
    diffusion_batch: int = Field(
        8, ge=1, le=1024, title="Diffusion batch", description="Pictures in one of these steps."
    )
    diffusion_rate: float = Field(
        3e-4, gt=0, le=1, title="Diffusion rate", description="Learning rate of the diffusion model."
    )
    ddim_steps: Literal[10, 20, 25, 40, 50, 100] = Field(
        50, title="DDIM steps", description="Steps from noise to an image."
    )
    pretrain_steps: int = Field(
        800, ge=1, title="Pre-training steps", description="Steps on the transfer set."
    )
    pairs: int = Field(
        4, ge=1, le=12, title="Pairs", description="Hidden layers that are aligned, evenly spread."
    )
    hidden_weight: float = Field(
        1.0, ge=0, title="Weight of hidden layers", description="λ_h in the loss of the pre-training."
    )
    prediction_weight: float = Field(
        1.0, ge=0, title="Weight of predictions", description="λ_p in the loss of the pre-training."
    )
    temperature: float = Field(
        2.0, gt=0, title="Temperature", description="Softens both predictions before they are compared."
    )
    soft_dice: float = Field(
        0.5, ge=0, title="Soft Dice", description="Weight of Dice between the two predictions."
    )
    masked: float = Field(0.75, gt=0, lt=1, title="Masked", description="Share of patches that MAE hides.")
    finetune_steps: int = Field(
        400, ge=1, title="Fine-tuning steps", description="Steps on the labels at the end."
    )
    finetune_rate: float = Field(
        0.3,
        gt=0,
        le=1,
        title="Fine-tuning rate",
        description="Its learning rate, as a share of the pre-training's; without pre-training it is whole.",
    )
    dice: float = Field(0.8, ge=0, le=1, title="Dice", description="Share of Dice in the loss on labels.")
    learning_rate: float = Field(
        1e-3, gt=0, le=1, title="Learning rate", description="Highest rate of AdamW; it rises, then falls."
    )
    weight_decay: float = Field(0.05, ge=0, le=1, title="Weight decay", description="Of AdamW.")
    validate_every: int = Field(
        100, ge=1, title="Validate", description="Steps between two looks at the validation cases."
    )


@recipes.register("ts-kd")
class TsKd(Recipe):
    """An adapted teacher, a transfer set, a pre-trained and a fine-tuned student that needs no prompt."""

    title = "Automatic student from few labels (TS-KD)"
    config = TsKdConfig

    def __init__(self) -> None:
        self._making: Making | None = None

    def stages(self, config: TsKdConfig, context: Context) -> Sequence[Stage]:
        """Return the stages that the pre-training needs, and the fine-tuning."""
        return self._made(config, context).stages()

    def model(self, config: TsKdConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Return the student and its card."""
        making = self._made(config, context)
        return making.student, making.card()

    def _made(self, config: TsKdConfig, context: Context) -> Making:
        if self._making is None:
            from src_training.recipes.ts_kd_stages import Making

            self._making = Making(config, context)
        return self._making
