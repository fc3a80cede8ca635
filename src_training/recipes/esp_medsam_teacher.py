"""MMDKD, the distillation of ESP-MedSAM: a teacher adapted to the kinds, the shared trunk, the bags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medkd.models.card import Architecture, ModelCard
from napari_medkd.models.checkpoint import load_state, read_state
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from src_training.automatic import resized
from src_training.experts import add_experts, added
from src_training.files import write_weights
from src_training.lessons import chosen
from src_training.recipes.base import Stage
from src_training.tasks.features import FeatureStream, FeatureTask
from src_training.tasks.finer import FinerFeatureTask
from src_training.tasks.modality import ModalityTask, ModalityValidation
from src_training.tasks.modality_views import ModalityStream
from src_training.tasks.specific import SpecificStream, SpecificTask
from src_training.teacher import Teacher
from src_training.transfer import by_one, telling

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.kinds import Kinds
    from src_training.pictures import Picture
    from src_training.recipes.esp_medsam import EspMedSamConfig
    from src_training.scenes import Pool
    from src_training.teacher import Lesson

_PARTS, _TEACHER = "parts", "teacher.safetensors"
_LOOKS = 4  # validation cases of a kind that a slow teacher is looked at with


class Common:
    """The stage in which the trunk copies the teacher as it was installed.

    Parameters
    ----------
    config : EspMedSamConfig
        The numbers.
    context : Context
        The run.
    pool : Pool
        The labelled scenes; of their pictures some are shown to the teacher.
    student : PromptableModel
        What learns.
    card : ModelCard
        The student's.
    """

    def __init__(
        self,
        config: EspMedSamConfig,
        context: Context,
        pool: Pool,
        student: PromptableModel,
        card: ModelCard,
    ) -> None:
        self._config, self._context = config, context
        self._student, self._card = student, resized(card, min(config.view, card.preprocessing.size))
        pictures = [scene.picture for scene in pool.labelled]
        self._pictures: list[Picture] = chosen(pictures, config.lessons, context.spec.seed)
        self._draws = context.draws(config.batch_size)
        self._taught = ModelStore().get(config.teacher).architecture

    def common(self) -> Stage:
        """(D, common) MA(x) becomes F_SAM(x): the trunk learns the plain teacher's embedding."""
        lessons: list[Lesson] = []
        grid = self._taught.grid if self._config.finer else self._card.architecture.grid

        def ask() -> bool:
            from napari_medkd.inference import load_segmenter

            segmenter = load_segmenter(self._config.teacher, device=str(self._context.fabric.device))
            try:
                return self._ask(segmenter, grid, self._context.cache, lessons, "teacher")
            finally:
                segmenter.close()

        task: nn.Module = FeatureTask(self._student)
        if self._config.finer:
            task = FinerFeatureTask(self._student, self._taught.embedding_dim)
        return Stage(
            "common",
            task,
            FeatureStream(self._pictures, lessons, self._card, self._draws),
            self._config.common_steps,
            ("student.image_encoder.trunk.", "head."),
            prepare=ask,
        )

    def _ask(self, segmenter: Segmenter, grid: int, cache: Path, lessons: list[Lesson], who: str) -> bool:
        """Fill in what a teacher sees in each picture, on a grid; False where the run was asked to stop."""
        teacher = Teacher(segmenter, cache, grid, boxes=0)
        go_on = telling(self._context, who)

        def look() -> bool:
            for number, picture in enumerate(self._pictures, start=1):
                teacher.lesson(picture)
                if not go_on(number, len(self._pictures)):
                    return False
            return True

        if not by_one(self._context, look):
            return False
        lessons[:] = [teacher.lesson(picture) for picture in self._pictures]
        return True


class Distillation(Common):
    """The three stages before the fine-tuning.

    Parameters
    ----------
    config : EspMedSamConfig
        The numbers.
    context : Context
        The run.
    kinds : Kinds
        The kinds of image.
    pool : Pool
        The labelled scenes.
    student : PromptableModel
        What learns.
    card : ModelCard
        The student's.
    """

    def __init__(
        self,
        config: EspMedSamConfig,
        context: Context,
        kinds: Kinds,
        pool: Pool,
        student: PromptableModel,
        card: ModelCard,
    ) -> None:
        super().__init__(config, context, pool, student, card)
        self._kinds, self._pool = kinds, pool
        self._file = context.folder / _PARTS / _TEACHER
        self._teacher, self._teacher_card = self._adapted()

    def stages(self) -> list[Stage]:
        """Return the stages in order."""
        return [self._teaching(), self.common(), self._specific()]

    # --- T ------------------------------------------------------------------------------------------------
    def _adapted(self) -> tuple[PromptableModel, ModelCard]:
        """Return the installed teacher with tokens and perceptrons, a prompt generator and queries."""
        config, store = self._config, ModelStore()
        card = resized(store.get(config.teacher), config.teacher_size)
        own = card.architecture
        architecture = Architecture(
            encoder="routed",
            encoder_options={
                "trunk": own.encoder,
                "trunk_options": own.encoder_options,
                "channels": own.embedding_dim,
                "kinds": len(self._kinds),
            },
            grid=own.grid,
            embedding_dim=own.embedding_dim,
            decoder="modality",
            decoder_options={
                "channels": own.embedding_dim,
                "skips": [],
                "kinds": len(self._kinds),
                "blocks": 0,
                "bags": False,
                "generator": config.generator,
                "decoupled": config.decoupled,
                "patches": config.patches,
            },
            masks="classes",
            kinds=self._kinds.names,
        )
        card = card.model_copy(
            update={
                "architecture": architecture,
                "capabilities": frozenset({"auto"}),
                "targets": self._kinds.targets,
                "files": {},
            }
        )
        teacher = build_model(architecture, card.preprocessing)
        trunk: Any = teacher.image_encoder.trunk
        trunk.load_state_dict(store.build(config.teacher).image_encoder.state_dict())
        add_experts(trunk, config.tokens, config.expert)
        return teacher, card

    def _teaching(self) -> Stage:
        """(T) Tokens, perceptrons, prompt generator and queries of the teacher, on the labels."""
        config, context, card = self._config, self._context, self._teacher_card

        def keep(_task: nn.Module) -> None:
            if context.fabric.is_global_zero:
                write_weights(self._file, self._teacher.state_dict())

        stream = ModalityStream(
            self._pool.labelled,
            self._kinds,
            card,
            card.preprocessing.size,
            context.draws(config.teacher_batch, context.spec.seed + 1),
            upright=config.upright,
            often=config.often,
        )
        validation = None
        if self._pool.validation:
            validation = ModalityValidation(
                self._pool.validation, self._kinds, card, config.teacher_batch, _LOOKS
            )
        new = tuple(f"model.{name}" for name in added(self._teacher))
        return Stage(
            "teacher",
            FrozenTrunk(self._teacher, context.spec.seed, config.dice, config.entropy),
            stream,
            config.teacher_steps,
            (*new, "model.image_encoder.router.", "model.prompt_encoder.", "model.mask_decoder."),
            validate=validation,
            done=keep,
        )

    # --- D ------------------------------------------------------------------------------------------------
    def _specific(self) -> Stage:
        """(D, specific) MC_k(x) becomes F_Med(x): the controller and its bags, on the frozen trunk."""
        lessons: list[Lesson] = []

        def ask() -> bool:
            from napari_medkd.inference.runtimes.torch import TorchRuntime
            from napari_medkd.inference.sam_segmenter import SamSegmenter

            load_state(self._teacher, read_state(self._file), "the adapted teacher")
            runtime = TorchRuntime(self._teacher, str(self._context.fabric.device))
            adapted = SamSegmenter(self._teacher_card, runtime)
            grid = self._card.architecture.grid
            return self._ask(adapted, grid, self._context.folder / _PARTS, lessons, "adapted teacher")

        task = SpecificTask(self._student, self._teacher_card.architecture.embedding_dim)
        return Stage(
            "specific",
            task,
            SpecificStream(self._pictures, lessons, self._kinds, self._card, self._draws),
            self._config.specific_steps,
            ("student.mask_decoder.controller.", "projection."),
            prepare=ask,
        )


class FrozenTrunk(ModalityTask):
    """L of the labels for a network whose trunk keeps its statistics: what was added to it learns."""

    def train(self, mode: bool = True) -> FrozenTrunk:
        """Leave the trunk in evaluation mode."""
        super().train(mode)
        trunk: Any = self.model.image_encoder.trunk
        trunk.eval()
        return self
