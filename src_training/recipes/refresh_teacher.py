"""The teacher of the thorough mode: a large model that is adapted to the corrections before it teaches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.checkpoint import load_state, read_state
from napari_medkd.models.store import ModelStore
from src_training.advice import Advice, Advisor
from src_training.files import write_weights
from src_training.recipes.lora_teacher import LoraTeacher, LoraTeacherConfig

if TYPE_CHECKING:
    from torch import nn

    from napari_medkd.models.card import ModelCard
    from src_training.context import Context
    from src_training.recipes.base import Stage
    from src_training.recipes.refresh import RefreshConfig

NAME = "teacher"
_KEPT = "parts/teacher.safetensors"  # in the run's folder, for the stage that follows


class AdaptedTeacher:
    """Adapts the teacher by the recipe ``lora-teacher``, keeps it, and asks it.

    Parameters
    ----------
    config : RefreshConfig
        Numbers of the recipe ``refresh``.
    context : Context
        The run.
    """

    def __init__(self, config: RefreshConfig, context: Context) -> None:
        if not config.teacher:
            raise InvalidSetting(
                "The thorough mode needs a teacher.", "Name an installed one: --set teacher=litemedsam"
            )
        self._config, self._file = config, context.folder / _KEPT
        self._base = ModelStore().get(config.teacher)
        self._context = replace(context, spec=context.spec.model_copy(update={"base": config.teacher}))
        self._recipe = LoraTeacher()

    def stage(self) -> Stage:
        """Return the stage that adapts it; its rates are shares of the run's one rate."""
        config = self._config
        numbers = LoraTeacherConfig(
            steps=config.teacher_steps,
            batch_size=config.teacher_batch,
            objects=config.objects,
        )
        (stage,) = self._recipe.stages(numbers, self._context)
        share = config.teacher_rate / config.learning_rate
        encoder, decoder = "student.image_encoder", "student.mask_decoder"

        def keep(task: nn.Module) -> None:
            if self._context.fabric.is_global_zero:
                model, _ = self._recipe.model(numbers, self._context)
                write_weights(self._file, model.state_dict())

        rates = {encoder: share, decoder: share * numbers.decoder_rate}
        return replace(stage, name=NAME, rates=rates, done=keep)

    def advice(self, student: ModelCard) -> Advice:
        """Return how the student follows it."""
        channels = student.architecture.embedding_dim, self._base.architecture.embedding_dim
        return Advice(*channels, self._config.taught_weight, self._config.hidden_weight)

    def advisor(self, student: ModelCard) -> Advisor:
        """Return the adapted teacher; its stage comes first."""
        network = ModelStore().build(self._base.id).float()
        network.masks = "one"
        load_state(network, read_state(self._file), self._base.id)
        return Advisor(network, self._base, student.architecture.grid)
