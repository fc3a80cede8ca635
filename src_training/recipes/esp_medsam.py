"""ESP-MedSAM: one light network for several kinds of image that prompts itself.

Reference: "ESP-MedSAM: Efficient Self-Prompting SAM for Universal Domain-Generalized Medical Image
Segmentation" (arXiv 2407.14153). A trunk that all kinds share and a bag of parameters for each kind are
distilled from a teacher and from the teacher as it was adapted to the kinds; then a prompt generator and a
decoder with a query for each kind are trained with them. Deviations: docs/recipes/esp-medsam.md.
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
    from src_training.recipes.esp_medsam_stages import Making

_Name = Annotated[str, Field(min_length=1)]


class EspMedSamConfig(RecipeConfig):
    """Numbers of the recipe ``esp-medsam``."""

    modalities: dict[str, _Name] = Field(
        {},
        title="Modalities",
        description="Kind of image of a data folder by its name, where its dataset.json does not say it.",
    )
    targets: dict[str, _Name] = Field(
        {},
        title="Targets",
        description="What is looked for in a kind of image, where dataset.json should not say it.",
    )
    upright: tuple[_Name, ...] = Field(
        ("xray", "ct", "mr"),
        title="Upright",
        description="Kinds of image that are mirrored, but not turned, while they are learnt from.",
    )
    often: dict[str, Annotated[float, Field(gt=0, le=100)]] = Field(
        {},
        title="Often",
        description="Data folders whose images are drawn so many times as often; by itself a set is drawn by "
        "the root of its number of cases.",
    )
    statistics: Literal["batch", "kept"] = Field(
        "batch",
        title="Statistics",
        description="Whether batch normalisation goes by the batch, as from chance it must, or keeps what a "
        "base model of this recipe knows.",
    )
    outliner: str = Field(
        "",
        title="Outliner",
        description="Installed model that outlines anew, by its box, what is found of kinds in `outlined`.",
    )
    outlined: tuple[_Name, ...] = Field(
        (), title="Outlined", description="Kinds of image in which it does, such as those with one lesion."
    )
    quarters: tuple[_Name, ...] = Field(
        (),
        title="Quarters",
        description="Kinds of image that are looked at again in four overlapping quarters, for what is thin "
        "or small, such as vessels and nuclei; an answer takes up to five times as long.",
    )
    afar: tuple[_Name, ...] = Field(
        (),
        title="Afar",
        description="Kinds of image that are looked at twice more as smaller pictures, for what may fill the "
        "view, such as polyps; an answer takes up to three times as long.",
    )
    trunk: Literal["pyramid", "tiny_vit"] = Field(
        "pyramid",
        title="Trunk",
        description="What all kinds share: a convolutional network for processors, or the paper's TinyViT.",
    )
    backbone: str = Field(
        "",
        title="Backbone",
        description="Name of a timm network, for the pyramid; empty is that of the base model, or "
        "tf_efficientnet_lite0. Another one than the base's starts from ImageNet and copies the teacher, "
        "all else as the base knows it.",
    )
    size: Literal[128, 192, 256, 320, 384, 448, 512, 640, 768, 1024] = Field(
        512, title="Input", description="Side of the network's input, in pixels."
    )
    view: int = Field(
        320,
        ge=64,
        le=1024,
        multiple_of=32,
        title="View",
        description="Side of what is seen of it at once in training, in pixels; at most the input.",
    )
    whole: float = Field(
        0.3, ge=0, le=1, title="Whole", description="Share of the views that show the whole picture."
    )
    closest: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Closest",
        description="Share of a picture's side that the other views show at least. With a view smaller than "
        "the input this decides whether things are learnt at the size at which they will be seen.",
    )
    farthest: float = Field(
        1.0,
        ge=1,
        le=2,
        title="Farthest",
        description="How many sides of the picture a view of the whole picture is long at most; above 1 the "
        "picture takes up less of some views, as in looks from afar.",
    )
    warped: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Warped",
        description="Share of the views that are tilted by up to 20° and stretched by up to a fifth; not of "
        "thin things such as vessels.",
    )
    width: int = Field(
        128, ge=16, le=512, multiple_of=16, title="Width", description="Channels of prompts and queries."
    )
    blocks: int = Field(2, ge=0, le=12, title="Blocks", description="Attention blocks of the controller.")
    tokens: int = Field(
        1, ge=1, le=64, title="Tokens", description="Learned keys and values of each bag in each block."
    )
    expert: int = Field(
        64, ge=1, le=2048, title="Expert", description="Hidden units of each bag's perceptrons."
    )
    bags: bool = Field(True, title="Bags", description="Whether every kind of image has a bag of its own.")
    generator: bool = Field(
        True, title="Prompt generator", description="Whether the network prompts itself, patch by patch."
    )
    decoupled: bool = Field(
        True, title="Decoupled queries", description="Whether every kind has a query of its own."
    )
    patches: Literal["hard", "straight-through", "soft"] = Field(
        "hard",
        title="Patches",
        description="Whether its own prompt is cut at one half, with or without a gradient, or not cut.",
    )
    teacher: str = Field(
        "litemedsam",
        title="Teacher",
        description="Installed model with a TinyViT, for the distillation; empty leaves it out. A base model "
        "of this recipe that keeps its backbone asks nobody.",
    )
    teacher_size: int = Field(
        0,
        ge=0,
        le=1024,
        title="Teacher's input",
        description="Side of the teacher's input, in pixels; half of it is four times as fast. 0 is its own.",
    )
    teacher_steps: int = Field(
        300, ge=1, title="Teacher's steps", description="Steps in which the teacher learns the kinds."
    )
    teacher_batch: int = Field(
        2, ge=1, le=256, title="Teacher's batch", description="Pictures in one of these steps."
    )
    lessons: int = Field(
        400, ge=1, title="Lessons", description="Pictures that the teacher is asked about, from all sets."
    )
    common_steps: int = Field(
        400, ge=1, title="Common steps", description="Steps in which the trunk copies the plain teacher."
    )
    finer: bool = Field(
        False,
        title="Finer",
        description="Whether the pyramid's finer maps copy the teacher, too, cell for cell of its own, finer "
        "grid. A lesson of LiteMedSAM then takes 2 MB.",
    )
    specific_steps: int = Field(
        400, ge=1, title="Specific steps", description="Steps in which the bags copy the adapted teacher."
    )
    steps: int = Field(1200, ge=1, title="Steps", description="Steps on the labels, in which all learns.")
    dice: float = Field(0.7, ge=0, le=1, title="Dice", description="Share of Dice in the loss of masks.")
    entropy: Literal["focal", "cross-entropy"] = Field(
        "focal", title="Entropy", description="The other part of the loss of masks."
    )
    corrections: float = Field(
        0.25,
        ge=0,
        le=1,
        title="Corrections",
        description="Share of the steps in which a click corrects the answer.",
    )
    trunk_rate: float = Field(
        0.3, gt=0, le=1, title="Trunk rate", description="Its learning rate, as a share of the others'."
    )
    learning_rate: float = Field(
        1e-3, gt=0, le=1, title="Learning rate", description="Highest rate of AdamW; it rises, then falls."
    )
    validate_every: int = Field(
        400, ge=1, title="Validate", description="Steps between two looks at the validation cases."
    )


@recipes.register("esp-medsam")
class EspMedSam(Recipe):
    """Common and specific distillation, then self-prompted masks of all kinds of image."""

    title = "Automatic student for several kinds of image (ESP-MedSAM)"
    config = EspMedSamConfig

    def __init__(self) -> None:
        self._making: Making | None = None

    def stages(self, config: EspMedSamConfig, context: Context) -> Sequence[Stage]:
        """Return the stages of the distillation, where there is a teacher, and the fine-tuning."""
        return self._made(config, context).stages()

    def model(self, config: EspMedSamConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Return the student and its card."""
        making = self._made(config, context)
        return making.student, making.card()

    def _made(self, config: EspMedSamConfig, context: Context) -> Making:
        if self._making is None:
            from src_training.recipes.esp_medsam_stages import Making

            self._making = Making(config, context)
        return self._making
