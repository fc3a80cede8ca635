"""A large model adapted to one task: low-rank changes of its encoder, and its decoder, from a few labels.

Reference: Zhang and Liu, "Customized Segment Anything Model for Medical Image Segmentation" (SAMed, 2023):
LoRA on the queries and values of SAM's encoder, rank 4 and L = 0.2·CE + 0.8·Dice. TS-KD (arXiv 2503.06976)
adapts its teacher so. Deviations: docs/recipes/lora-teacher.md.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from pydantic import Field

from napari_medkd.runs import Metric
from src_training.recipes.base import Recipe, RecipeConfig, Stage, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context

_BASE = "litemedsam"


class LoraTeacherConfig(RecipeConfig):
    """Numbers of the recipe ``lora-teacher``."""

    name: str = Field(
        "adapted",
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
        title="Name",
        description="Id of the model that comes of it.",
    )
    title: str = Field("My adapted model", title="Title", description="What the user reads.")
    rank: int = Field(4, ge=1, le=256, title="Rank", description="r: how much the encoder may change.")
    alpha: float = Field(4.0, gt=0, title="Alpha", description="α: the change counts α/r.")
    steps: int = Field(400, ge=1, title="Steps", description="Updates.")
    decoder_rate: float = Field(
        0.2,
        ge=0,
        le=10,
        title="Decoder rate",
        description="The decoder's learning rate as a share; 0 freezes it.",
    )
    dice: float = Field(
        0.8, ge=0, le=1, title="Dice", description="Share of Dice in the loss; the rest is cross-entropy."
    )
    points: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Points",
        description="Share of objects asked for with a point, not a box; a model that takes no points yet "
        "needs many steps to learn them.",
    )
    objects: int = Field(
        2, ge=1, le=16, title="Objects", description="Objects that are asked for in one picture."
    )
    score_weight: float = Field(
        1.0, ge=0, title="Score weight", description="Of the predicted overlap's error."
    )
    batch_size: int = Field(4, ge=1, le=1024, title="Batch size", description="Images in one step.")
    learning_rate: float = Field(
        1e-3, gt=0, le=1, title="Learning rate", description="Highest rate of AdamW; it rises, then falls."
    )
    weight_decay: float = Field(0.1, ge=0, le=1, title="Weight decay", description="Of AdamW.")
    ema: float = Field(
        0.99, ge=0, lt=1, title="Average", description="Decay of the running mean of the weights; 0 for none."
    )
    validate_every: int = Field(
        100, ge=1, title="Validate", description="Steps between two looks at the validation cases."
    )


@recipes.register("lora-teacher")
class LoraTeacher(Recipe):
    """LoRA on the encoder and fine-tuning of the decoder; merged into plain weights at the end."""

    title = "Large model adapted to a task by LoRA"
    config = LoraTeacherConfig

    def __init__(self) -> None:
        self._adapted: PromptableModel | None = None

    def model(self, config: LoraTeacherConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Return the model with what was learnt merged, so that it loads and runs like its base."""
        from src_training.lora import merge

        card = _card(config, context)
        return cast("PromptableModel", merge(self._network(config, context))), card

    def stages(self, config: LoraTeacherConfig, context: Context) -> Sequence[Stage]:
        """Return the one stage."""
        from src_training.batches import ViewStream
        from src_training.draws import Draws
        from src_training.lora import low_rank
        from src_training.losses.masks import weighted_mask_loss
        from src_training.tasks.masks import Validation
        from src_training.tasks.prompted import PromptedTask

        card, network = _card(config, context), self._network(config, context)
        seed, size = context.spec.seed, config.batch_size
        batches = ViewStream([(context.pictures, 1.0)], card, context.draws(size), config.objects)
        validate = None
        if context.validation:
            held_out = ViewStream([(context.validation, 1.0)], card, Draws(size, seed), config.objects)
            validate = Validation(held_out, names=("iou",))
        names = [f"student.{name}" for name in low_rank(network)]
        context.write(Metric(stage="adapt", step=0, values=_sizes(network, names)))
        task = PromptedTask(
            network,
            card.preprocessing.prompt_frame,
            seed,
            partial(weighted_mask_loss, dice=config.dice),
            boxes=1 - config.points,
            score=config.score_weight,
        )
        decoder = ["student.mask_decoder"] if config.decoder_rate else []
        rates = {"student.mask_decoder": config.decoder_rate}
        return [Stage("adapt", task, batches, config.steps, [*names, *decoder], validate, rates)]

    def _network(self, config: LoraTeacherConfig, context: Context) -> PromptableModel:
        """Build the adapted network once."""
        from napari_medkd.models.store import ModelStore
        from src_training.lora import adapt

        if self._adapted is None:
            network = ModelStore().build(context.spec.base or _BASE)
            network.masks = "one"
            adapt(network.image_encoder, config.rank, config.alpha)
            self._adapted = network
        return self._adapted


def _card(config: LoraTeacherConfig, context: Context) -> ModelCard:
    from napari_medkd.models.store import ModelStore

    base = ModelStore().get(context.spec.base or _BASE)
    return base.model_copy(
        update={
            "id": config.name,
            "title": config.title,
            "description": "",
            "architecture": base.architecture.model_copy(
                update={"masks": "one", "scores": "predicted", "half_precision": False}
            ),
            "capabilities": frozenset({"box", "point"} if config.points else {"box"}),
            "parent": base.id,
            "files": {},
            "parameters": 0,
            "metrics": {},
            "training_data": (),
        }
    )


def _sizes(network: PromptableModel, names: Sequence[str]) -> dict[str, float]:
    parameters = {f"student.{name}": parameter.numel() for name, parameter in network.named_parameters()}
    return {
        "low_rank_parameters": float(sum(parameters[name] for name in names)),
        "parameters": float(sum(parameters.values())),
    }
