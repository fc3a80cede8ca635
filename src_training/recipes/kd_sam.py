"""KD-SAM: a convolutional encoder takes the place of SAM's, in two stages that are apart.

Reference: "Efficient Knowledge Distillation of SAM for Medical Image Segmentation" (arXiv 2501.16740). The
encoder is distilled with L_MSE + λ_P·L_P between embeddings, then the decoder is fine-tuned on labelled masks
with L_Dice = 1 − 2Σp·g / (Σp + Σg). What the paper leaves open and what was chosen: docs/recipes/kd-sam.md.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_medkd.errors import InvalidSetting
from napari_medkd.runs import Metric
from src_training.recipes.base import Recipe, RecipeConfig, Stage, recipes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.perception import Perception, Phi
    from src_training.pictures import Picture
    from src_training.teacher import Lesson

_CALIBRATION = 16  # lessons from which scales and directions are taken


class KdSamConfig(RecipeConfig):
    """Numbers of the recipe ``kd-sam``."""

    teacher: str = Field(
        "litemedsam", title="Teacher", description="Model of SAM's family whose encoder is replaced."
    )
    backbone: str = Field(
        "resnet50",
        title="Backbone",
        description="Name of a timm network with five stages; the paper's is resnet50.",
    )
    backbone_weights: str = Field(
        "",
        title="Backbone weights",
        description="File with the backbone's ImageNet weights, by its full path; empty starts from an "
        "installed package, else from chance.",
    )
    size: Literal[128, 192, 256, 320, 384, 512, 768, 1024] = Field(
        512, title="Input", description="Side of the student's input, in pixels."
    )
    cell: Literal[8, 16] = Field(
        16, title="Cell", description="Pixels of the input for one cell of the embedding."
    )
    neck_width: int = Field(256, ge=8, le=1024, title="Neck width", description="Channels of the neck.")
    neck_blocks: int = Field(3, ge=0, le=8, title="Neck blocks", description="3×3 convolutions of the neck.")
    lessons: int = Field(
        2000, ge=1, title="Lessons", description="Pictures whose embeddings are learnt, from all sets."
    )
    perceptual: Literal["sam-decoder", "vgg16", "vgg16-random", "none"] = Field(
        "sam-decoder",
        title="Perceptual loss",
        description="What looks at the embeddings: the teacher's decoder, VGG-16 with a file of weights, "
        "VGG-16 with random weights (a control), or nothing.",
    )
    perceptual_weight: float = Field(
        1.0,
        ge=0,
        title="Perceptual weight",
        description="λ_P; both parts of the loss are in units of a variance.",
    )
    perceptual_boxes: int = Field(
        8,
        ge=1,
        le=64,
        title="Perceptual boxes",
        description="Fixed boxes that the teacher's decoder looks with.",
    )
    perceptual_size: int = Field(
        224, ge=32, le=512, title="Perceptual size", description="Side of the picture that VGG-16 looks at."
    )
    vgg_weights: str = Field(
        "", title="VGG weights", description="File with torchvision's VGG-16, by its full path."
    )
    encoder_steps: int = Field(
        2500, ge=0, title="Encoder steps", description="Stage A; 0 leaves it out, which trains from scratch."
    )
    decoder_steps: int = Field(1000, ge=0, title="Decoder steps", description="Stage B; 0 leaves it out.")
    decoder_rate: float = Field(
        0.1,
        gt=0,
        le=10,
        title="Decoder rate",
        description="Learning rate of stage B, as a share of stage A's.",
    )
    unfreeze_encoder: bool = Field(
        False, title="Unfreeze encoder", description="Whether the encoder learns in stage B as well."
    )
    boxes: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Boxes",
        description="Share of objects of stage B asked for with a box, not a point.",
    )
    objects: int = Field(
        2, ge=1, le=16, title="Objects", description="Objects that are asked for in one picture, in stage B."
    )
    dice: float = Field(
        0.8,
        ge=0,
        le=1,
        title="Dice",
        description="Share of Dice in stage B's loss of masks, beside cross-entropy; 1 is the paper's.",
    )
    score_weight: float = Field(
        1.0,
        ge=0,
        title="Score weight",
        description="Of the predicted overlap's error in stage B; 0 is the paper's.",
    )
    rehearsal: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Rehearsal",
        description="Share of views, in stage B, of other kinds of images, which ship with the plugin; their "
        "embeddings are learnt, too.",
    )
    batch_size: int = Field(16, ge=1, le=1024, title="Batch size", description="Images in one step.")
    learning_rate: float = Field(
        1e-3, gt=0, le=1, title="Learning rate", description="Highest rate of AdamW; it rises, then falls."
    )
    weight_decay: float = Field(0.05, ge=0, le=1, title="Weight decay", description="Of AdamW.")


@recipes.register("kd-sam")
class KdSam(Recipe):
    """Encoder distillation, then decoder fine-tuning."""

    title = "KD-SAM: a ResNet-50 learns SAM's encoder, then masks"
    config = KdSamConfig

    def __init__(self) -> None:
        self._built: tuple[PromptableModel, ModelCard] | None = None

    def model(self, config: KdSamConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Build the student once, with everything that it can start from."""
        if self._built is None:
            from src_training.recipes.kd_sam_student import make_student

            self._built = make_student(config, context)
        return self._built

    def stages(self, config: KdSamConfig, context: Context) -> Sequence[Stage]:
        """Return the two stages; a stage without steps is left out."""
        from src_training.lessons import ask, chosen

        student, card = self.model(config, context)
        _announce(student, card, context)
        stages = []
        pictures: list[Picture] = []
        rehearsed = _rehearsed(config, context)
        if config.encoder_steps:
            pictures = chosen([*context.pictures, *rehearsed], config.lessons, context.spec.seed)
            lessons = ask(config.teacher, pictures, context, card.architecture.grid)
            stages.append(_encoder(config, context, student, card, pictures, lessons))
        if config.decoder_steps:
            stages.append(_decoder(config, context, student, card, rehearsed))
        _record(stages, {"encoder": pictures, "decoder": [*context.pictures, *rehearsed]}, context)
        return stages


def _announce(student: PromptableModel, card: ModelCard, context: Context) -> None:
    """Say how large the student is: the paper's 26.4 M are the encoder, as we read it."""
    from src_training.counting import count

    if context.fabric.is_global_zero:
        context.write(Metric(stage="student", step=0, values=count(student, card)))


def _rehearsed(config: KdSamConfig, context: Context) -> list[Picture]:
    """Return pictures of other kinds, none of which is a validation case."""
    if not config.rehearsal:
        return []
    from src_training.replay import Replay
    from src_training.scenes import content_digest

    orders = context.spec.learning
    folders = map(Path, orders.replay if orders is not None else ())
    found = Replay(folders, tell=context.warn).pictures("train")
    kept_apart = {content_digest(picture.image) for picture in context.validation}
    return [picture for picture in found if content_digest(picture.image) not in kept_apart]


def _record(stages: Sequence[Stage], seen: dict[str, list[Picture]], context: Context) -> None:
    """Write down what each stage sees; a validation image among it ends the run."""
    from src_training.manifest import Manifest, Seen
    from src_training.scenes import content_digest

    def digests(pictures: Sequence[Picture]) -> tuple[str, ...]:
        return tuple(sorted({content_digest(picture.image) for picture in pictures}))

    def of(stage: str) -> Seen:
        marks = digests(seen[stage])
        return Seen(unlabelled=marks) if stage == "encoder" else Seen(labelled=marks)

    manifest = Manifest(
        stages={stage.name: of(stage.name) for stage in stages}, validation=digests(context.validation)
    )
    if context.fabric.is_global_zero:
        manifest.save(context.folder)


# --- stage A ----------------------------------------------------------------------------------------------
def _encoder(
    config: KdSamConfig,
    context: Context,
    student: PromptableModel,
    card: ModelCard,
    pictures: Sequence[Picture],
    lessons: Sequence[Lesson],
) -> Stage:
    import torch

    from src_training.losses.perceptual import variance
    from src_training.tasks.features import FeatureStream, FeatureTask

    few = lessons[:: max(1, len(lessons) // _CALIBRATION)][:_CALIBRATION]
    embeddings = torch.stack([torch.from_numpy(lesson.embedding).float() for lesson in few])
    inside = torch.stack([torch.from_numpy(lesson.inside).float()[None] for lesson in few])
    perception = _perception(config, context, card, embeddings, inside)
    return Stage(
        "encoder",
        FeatureTask(student, perception, config.perceptual_weight, variance(embeddings, inside)),
        FeatureStream(pictures, lessons, card, context.draws(config.batch_size)),
        config.encoder_steps,
        ("student.image_encoder",),
        validate=_validation(config, context, card),
    )


def _perception(
    config: KdSamConfig, context: Context, card: ModelCard, embeddings: Tensor, inside: Tensor
) -> Perception | None:
    from napari_medkd.models.store import ModelStore
    from src_training.perception import DecoderPhi, Perception, VggPhi

    if config.perceptual == "none" or not config.perceptual_weight:
        return None
    device = context.fabric.device
    phi: Phi
    if config.perceptual == "sam-decoder":
        teacher = ModelStore().build(config.teacher)
        phi = DecoderPhi(teacher, card.architecture.grid, config.perceptual_boxes, device)
    else:
        if config.perceptual == "vgg16" and not config.vgg_weights:
            raise InvalidSetting(
                "The perceptual loss vgg16 needs a file of VGG-16's weights.",
                "Name it: --set vgg_weights=FILE; or use --set perceptual=sam-decoder, which needs none.",
            )
        weights = config.vgg_weights if config.perceptual == "vgg16" else ""
        phi = VggPhi(embeddings, inside, weights, config.perceptual_size, device, context.spec.seed)
    return Perception(phi, embeddings.to(device))


# --- stage B ----------------------------------------------------------------------------------------------
def _decoder(
    config: KdSamConfig,
    context: Context,
    student: PromptableModel,
    card: ModelCard,
    rehearsed: Sequence[Picture],
) -> Stage:
    from src_training.batches import ViewStream

    draws = context.draws(config.batch_size)
    pools = [(context.pictures, 1 - config.rehearsal), (rehearsed, config.rehearsal)]
    batches = ViewStream(pools, card, draws, config.objects)
    trainable = ["student.mask_decoder"] + ["student.image_encoder"] * config.unfreeze_encoder
    return Stage(
        "decoder",
        _asking(config, context, card, student),
        batches,
        config.decoder_steps,
        trainable,
        validate=_validation(config, context, card),
        rates={"student.": config.decoder_rate},
    )


def _asking(config: KdSamConfig, context: Context, card: ModelCard, student: PromptableModel) -> nn.Module:
    from src_training.losses.masks import weighted_mask_loss
    from src_training.tasks.prompted import PromptedTask

    return PromptedTask(
        student,
        card.preprocessing.prompt_frame,
        context.spec.seed,
        partial(weighted_mask_loss, dice=config.dice),
        boxes=config.boxes,
        score=config.score_weight,
        still=not config.unfreeze_encoder,
    )


def _validation(
    config: KdSamConfig, context: Context, card: ModelCard
) -> Callable[[nn.Module], dict[str, float]] | None:
    """Look at masks of held-out cases in both stages, so that what stage B adds is seen."""
    from src_training.batches import ViewStream
    from src_training.draws import Draws
    from src_training.tasks.masks import Validation

    if not context.validation:
        return None
    draws = Draws(config.batch_size, context.spec.seed)
    held_out = ViewStream([(context.validation, 1.0)], card, draws, config.objects)
    look = Validation(held_out, names=("iou",))

    def validate(task: nn.Module) -> dict[str, float]:
        return look(_asking(config, context, card, task.student).eval())  # type: ignore[arg-type]

    return validate
