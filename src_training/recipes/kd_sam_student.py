"""The student of KD-SAM: a new one by the recipe's numbers, or one that was distilled before and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.card import Architecture, Capability, ModelCard, Preprocessing
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from src_training.descent import descended
from src_training.pretrained import load_answering, load_backbone, load_file, load_installed

if TYPE_CHECKING:
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes.kd_sam import KdSamConfig

_CAPABILITIES: frozenset[Capability] = frozenset({"box", "point"})


def make_student(config: KdSamConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
    """Return the student with everything that it starts from, and its card.

    Raises
    ------
    InvalidSetting
        The model that is to go on learning was not distilled from such a teacher.
    ModelUnavailable
        The teacher or that model is not installed.
    """
    if context.spec.base:
        old = ModelStore().get(context.spec.base)
        _check(old, ModelStore().get(config.teacher))
        student = build_model(old.architecture, old.preprocessing)
        load_installed(student, old.id)
        return student, descended(config, context, old)
    card = student_card(config)
    return _new(config, card, context), card


def _check(old: ModelCard, teacher: ModelCard) -> None:
    """Raise where a teacher's embedding is nothing that the old model can learn."""
    theirs, own = teacher.architecture, old.architecture
    same = own.embedding_dim == theirs.embedding_dim and old.preprocessing.fit == teacher.preprocessing.fit
    if not (own.decoder == "sam" and own.masks == "one" and same):
        raise InvalidSetting(
            f"{old.title} does not see as {teacher.title} does, so KD-SAM cannot go on with it.",
            "Name a model that KD-SAM made from this teacher, or none, for a new one.",
        )


def student_card(config: KdSamConfig) -> ModelCard:
    """Return the card of the student; its teacher must be installed."""
    teacher = ModelStore().get(config.teacher)
    theirs = teacher.architecture
    return ModelCard(
        id=config.name,
        title=config.title,
        architecture=Architecture(
            encoder="pyramid",
            encoder_options={
                "backbone": config.backbone,
                "dim": theirs.embedding_dim,
                "width": config.neck_width,
                "blocks": config.neck_blocks,
                "mixing": "dense",
                "cell": config.cell,
                "finer": False,
            },
            grid=config.size // config.cell,
            embedding_dim=theirs.embedding_dim,
            decoder="sam",
            decoder_options=theirs.decoder_options if theirs.decoder == "sam" else {},
            masks="one",
        ),
        # The pictures lie in the frame as the teacher sees them, so that cell matches cell.
        preprocessing=Preprocessing(size=config.size, fit=teacher.preprocessing.fit),
        capabilities=_CAPABILITIES if config.boxes < 1 else frozenset({"box"}),
        commercial_use=teacher.commercial_use,
        parent=config.teacher,
    )


def _new(config: KdSamConfig, card: ModelCard, context: Context) -> PromptableModel:
    student = build_model(card.architecture, card.preprocessing)
    if config.backbone_weights:
        path = Path(config.backbone_weights).expanduser()
        load_file(student.image_encoder.backbone, path, config.backbone)
    elif not load_backbone(student.image_encoder.backbone, config.backbone):
        context.warn(
            f"There are no ImageNet weights for {config.backbone} here: its encoder starts from chance.",
            "Name a file of them: --set backbone_weights=FILE.",
        )
    load_answering(student, ModelStore().build(config.teacher))
    return student
