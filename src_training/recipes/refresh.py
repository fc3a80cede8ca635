"""A model that learns from its user's corrections, and keeps what it knew.

What the user accepted is the truth. Beside it, images of other kinds are rehearsed, on which the model also
keeps to what it answered before; afterwards the weights are drawn back towards the old ones as far as the
validation cases ask for it (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022, section 3).
The thorough mode does as TS-KD (arXiv 2503.06976): a large model is adapted to the corrections first, and
what it then sees and answers is learnt, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from napari_medkd.errors import InvalidSetting
from src_training.descent import descended
from src_training.recipes.base import Later, Recipe, RecipeConfig, Stage, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context

_ANSWERING = ("student.prompt_encoder", "student.mask_decoder")
# What a mode sets where the user says nothing.
_MODES: dict[str, dict[str, Any]] = {
    "quick": {"steps": 60, "learning_rate": 5e-4},
    "full": {"steps": 150, "learning_rate": 3e-4},
    "thorough": {"steps": 200, "learning_rate": 3e-4, "teacher": "litemedsam"},
}


class RefreshConfig(RecipeConfig):
    """Numbers of the recipe ``refresh``."""

    mode: Literal["quick", "full", "thorough"] = Field(
        "quick",
        title="Mode",
        description="quick teaches what answers clicks, on views that are encoded once; full teaches all of "
        "the model; thorough adapts a teacher first, which then teaches all of the model.",
    )
    steps: int = Field(60, ge=1, le=100_000, title="Steps", description="Updates; more takes longer.")
    learning_rate: float = Field(
        5e-4, gt=0, le=1, title="Learning rate", description="Highest rate of AdamW; it rises, then falls."
    )
    rounds: int = Field(
        2, ge=1, le=11, title="Rounds", description="Prompts in a row for one object, each at the error left."
    )
    objects: int = Field(
        1, ge=1, le=16, title="Objects", description="Objects that are asked for in one view of an image."
    )
    rehearsal: float = Field(
        0.5, ge=0, lt=1, title="Rehearsal", description="Share of views of other kinds of images."
    )
    retain: float = Field(
        4.0, ge=0, title="Keep to the old", description="Weight of the old answers on rehearsed views."
    )
    views: int = Field(
        16,
        ge=1,
        title="Encoded batches",
        description="Batches of views that the quick mode encodes, or the thorough mode asks its teacher "
        "about, before it begins; more are more varied.",
    )
    backbone_rate: float = Field(
        0.3, gt=0, le=1, title="Backbone rate", description="Its learning rate, as a share of the rest."
    )
    margin: float = Field(
        0.02,
        ge=0,
        le=1,
        title="Margin",
        description="Mean overlap (IoU) that may be lost on rehearsed images for a gain on corrected ones. "
        "The views that it is measured on are harder than a user's clicks, which lose less.",
    )
    kind_margin: float = Field(
        0.075, ge=0, le=1, title="Margin of a kind", description="Overlap that one kind of them may lose."
    )
    gain: float = Field(
        0.9,
        ge=0,
        le=1,
        title="Enough gain",
        description="Share of the largest gain on corrected cases that is enough; the rest would move the "
        "weights further and forget more.",
    )
    teacher: str = Field(
        "",
        title="Teacher",
        description="Model whose own finds on the corrected images are learnt, too; in the thorough mode the "
        "one that is adapted.",
    )
    teacher_steps: int = Field(
        60, ge=1, title="Teacher's steps", description="Updates of the teacher in the thorough mode."
    )
    teacher_batch: int = Field(
        2, ge=1, le=256, title="Teacher's batch", description="Images in one of these updates."
    )
    teacher_rate: float = Field(
        1e-3, gt=0, le=1, title="Teacher's rate", description="Learning rate of what LoRA adds to it."
    )
    taught_weight: float = Field(
        0.5,
        ge=0,
        title="Weight of its answers",
        description="Of the distance to the adapted teacher's answers, in the thorough mode.",
    )
    hidden_weight: float = Field(
        0.1,
        ge=0,
        title="Weight of its embedding",
        description="Of the distance to what the adapted teacher sees, in the thorough mode.",
    )
    warm_up: float = Field(
        0.1, ge=0, le=1, title="Warm-up", description="Share of the steps in which the rate rises."
    )
    ema: float = Field(
        0.95, ge=0, lt=1, title="Average", description="Decay of the running mean of the weights; 0 for none."
    )
    checkpoint_every: int = Field(
        20, ge=1, title="Checkpoint", description="Steps between two checkpoints of a run."
    )
    validate_every: int = Field(
        20, ge=1, title="Validate", description="Steps between two looks at the validation cases."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_mode(cls, values: Any) -> Any:
        """Fill in what a mode sets, unless the user said otherwise."""
        if not isinstance(values, dict):
            return values
        return {**_MODES.get(str(values.get("mode", "quick")), {}), **values}


@recipes.register("refresh")
class Refresh(Recipe):
    """Learning from corrections, with rehearsal, self-distillation and interpolated weights."""

    title: ClassVar[str] = "Learning from corrections"
    config = RefreshConfig

    def __init__(self) -> None:
        self._student: PromptableModel | None = None

    def model(self, config: RefreshConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Build the student once, as it was before."""
        from napari_medkd.models.store import ModelStore

        if not context.spec.base:
            raise InvalidSetting("There is no model to refresh.", "Name one: --model BASE")
        old = ModelStore().get(context.spec.base)
        if not old.capabilities & {"box", "point"} or old.architecture.masks == "classes":
            raise InvalidSetting(
                f"{old.title} finds things by itself and cannot learn from clicks.",
                "Choose a model that understands points or boxes and finds one object at a time.",
            )
        if self._student is None:
            self._student = ModelStore().build(old.id).float()
        helped = f" and the help of {config.teacher}, adapted to them" if config.mode == "thorough" else ""
        return self._student, descended(config, context, old, helped)

    def stages(self, config: RefreshConfig, context: Context) -> Sequence[Stage | Later]:
        """Return the one stage, after that of the teacher in the thorough mode."""
        from src_training.recipes.refresh_stage import NAME, learning

        student, card = self.model(config, context)
        if config.mode != "thorough":
            parts = _ANSWERING if config.mode == "quick" else ("student.",)
            return [learning(config, context, student, card, parts)]
        from src_training.recipes.refresh_teacher import AdaptedTeacher

        teacher = AdaptedTeacher(config, context)
        later = Later(
            NAME, config.steps, lambda: learning(config, context, student, card, ("student.",), teacher)
        )
        return [teacher.stage(), later]
