"""The stages of TS-KD and of its controls, built for one run; imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target
from napari_medkd.models.checkpoint import load_state, read_state
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import Metric
from src_training import transfer
from src_training.automatic import answering, teacher_network
from src_training.calibration import temperature
from src_training.draws import Draws
from src_training.files import write_weights
from src_training.knowledge import Examiner, Knowledge, confidence
from src_training.lora import adapt, low_rank, merge
from src_training.pretrained import load_answering
from src_training.recipes.base import Stage
from src_training.recipes.ts_kd_data import PARTS, WITH_TEACHER, Material
from src_training.tasks.classes import ClassTask
from src_training.transfer import by_one, telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes.ts_kd import TsKdConfig

_PATCH = 16
_TEACHER = "teacher.safetensors"
_UNSURE = 0.1  # by which the teacher may be less sure of synthetic pictures, before the user hears of it


class Making:
    """One run of the recipe: its networks and its stages.

    The networks are built in one order from the run's seed, whatever stage a run is resumed at, so that those
    parts that chance begins are the same.

    Parameters
    ----------
    config : TsKdConfig
        The numbers.
    context : Context
        The run.
    """

    def __init__(self, config: TsKdConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._data = Material(config, context)
        self._temperature = 1.0
        self.student = self._student()

    def stages(self) -> list[Stage]:
        """Return the stages in order, and write down what each may see."""
        kind = self._config.pretraining
        stages: list[Stage] = []
        if kind == "ts-kd":
            stages.append(self._teacher())
        if kind != "none" and self._data.transfer.synthesis is not None:
            stages.append(self._diffusion())
        if kind != "none":
            pretraining: dict[str, Callable[[], Stage]] = {
                "ts-kd": self._alignment,
                "task-agnostic": self._embedding,
                "mae": self._masked,
            }
            stages.append(pretraining[kind]())
        stages.append(self._finetuning())
        self._data.write_manifest([stage.name for stage in stages])
        return stages

    def card(self) -> ModelCard:
        """Return the student's card."""
        config = self._config
        return ModelCard(
            id=config.name,
            title=config.title,
            architecture=student_architecture(config, self._data.classes).model_copy(
                update={"temperature": self._temperature}
            ),
            preprocessing=Preprocessing(
                size=config.size,
                fit=self._data.fit,
                mean=(127.0,) * 3,
                std=(128.0,) * 3,
            ),
            capabilities=frozenset({"auto"}),
            targets=tuple(Target(name=name) for name in self._data.names),
            parent=config.teacher if config.pretraining in WITH_TEACHER else "",
            training_data=self._data.described(),
        )

    # --- what learns --------------------------------------------------------------------------------------
    def _student(self) -> PromptableModel:
        if self._config.width % self._config.heads:
            raise InvalidSetting(
                f"The student's width {self._config.width} is no multiple of its {self._config.heads} heads.",
                "Choose one that is: --set width=… --set heads=…",
            )
        card, base = self.card(), self._context.spec.base
        student = build_model(card.architecture, card.preprocessing)
        store = ModelStore()
        if base:
            name = store.weights_name(base)
            state = read_state(store.verified(base, name)) if name else {}
            load_state(student, {key: value.float() for key, value in state.items()}, base)
        elif self._config.teacher:
            load_answering(student, store.build(self._config.teacher))
        return student

    # --- stages -------------------------------------------------------------------------------------------
    def _teacher(self) -> Stage:
        """(c) LoRA on the frozen encoder, and the decoder, on the labelled pictures."""
        config = self._config
        teacher, card = teacher_network(config.teacher, self._data.classes, config.teacher_size)
        adapt(teacher.image_encoder, config.rank, config.alpha)
        path = self._context.folder / PARTS / _TEACHER

        def keep(_task: nn.Module) -> None:
            if self._context.fabric.is_global_zero:
                write_weights(path, merge(teacher).cpu().state_dict())

        return Stage(
            "teacher",
            ClassTask(teacher, config.dice, frozen=True),
            self._data.labels(card, config.teacher_batch, stream=0),
            config.teacher_steps,
            (*(f"model.{name}" for name in low_rank(teacher)), *answering(teacher, "model")),
            validate=self._data.validation(card, config.teacher_batch),
            rates={"": config.teacher_rate / config.learning_rate},
            done=keep,
        )

    def _diffusion(self) -> Stage:
        """(t) The diffusion model of the real pictures of the transfer set."""
        from src_training.diffusion.network import unet
        from src_training.diffusion.synthesis import look
        from src_training.diffusion.task import DiffusionLook, DiffusionTask, NoiseStream

        config, context, synthesis = self._config, self._context, self._data.transfer.synthesis
        assert synthesis is not None
        squares, seed = synthesis.squares, context.spec.seed
        task = DiffusionTask(unet(squares.shape[3], config.diffusion_width))

        def draw(network: nn.Module) -> None:
            if context.fabric.is_global_zero:
                look(network, squares.shape[1:], seed, context.folder / PARTS / "samples.png")

        def keep(_task: nn.Module) -> None:
            if context.fabric.is_global_zero:
                write_weights(synthesis.weights, task.network.state_dict())

        return Stage(
            "diffusion",
            task,
            NoiseStream(squares, context.draws(config.diffusion_batch), config.turns),
            config.diffusion_steps,
            ("network.",),
            validate=DiffusionLook(
                NoiseStream(squares, Draws(config.diffusion_batch, seed + 1), config.turns), draw
            ),
            rates={"": config.diffusion_rate / config.learning_rate},
            done=keep,
        )

    def _alignment(self) -> Stage:
        """(d) Hidden layers and predictions of the adapted teacher."""
        from src_training.hidden import Taps
        from src_training.tasks.alignment import AlignmentTask

        config = self._config
        plain, card = teacher_network(config.teacher, self._data.classes, config.teacher_size)
        knowledge = self._knowledge()
        task = AlignmentTask(
            self.student,
            Taps(plain.image_encoder, config.pairs).widths,
            config.hidden_weight,
            config.prediction_weight,
            config.temperature,
            config.soft_dice,
        )

        def prepare() -> bool:
            load_state(plain, read_state(self._context.folder / PARTS / _TEACHER), "the adapted teacher")
            return self._data.fill() and self._ask(plain, card, knowledge) and self._compare(knowledge)

        return Stage(
            "pretraining",
            task,
            self._known(knowledge),
            config.pretrain_steps,
            ("student.image_encoder.", "projections.", *answering(self.student, "student")),
            validate=self._data.validation(self.card(), config.batch_size),
            prepare=prepare,
            done=self._forget(knowledge),
        )

    def _embedding(self) -> Stage:
        """The control that knows no task: the embedding of the teacher as it is."""
        from src_training.tasks.alignment import EmbeddingTask

        config = self._config
        plain, card = teacher_network(config.teacher, self._data.classes, config.teacher_size)
        knowledge = self._knowledge()
        return Stage(
            "pretraining",
            EmbeddingTask(self.student),
            self._known(knowledge),
            config.pretrain_steps,
            ("student.image_encoder.",),
            prepare=lambda: self._data.fill() and self._ask(plain, card, knowledge),
            done=self._forget(knowledge),
        )

    def _masked(self) -> Stage:
        """The control without a teacher: patches that were not shown."""
        from src_training.tasks.masked import MaskedStream, MaskedTask

        config = self._config
        return Stage(
            "pretraining",
            MaskedTask(self.student, config.masked, config.size // _PATCH),
            MaskedStream(
                self._data.transfer.scenes, self.card(), self._context.draws(config.batch_size), config.turns
            ),
            config.pretrain_steps,
            ("student.image_encoder.trunk.", "narrow.", "unknown", "positions", "blocks.", "guess."),
            prepare=self._data.fill,
        )

    def _finetuning(self) -> Stage:
        """(e) The whole student on the labels."""
        config = self._config
        validation = self._data.validation(self.card(), config.batch_size)

        def calibrate(task: nn.Module) -> None:
            if validation is not None:
                self._temperature = temperature(task, validation)

        return Stage(
            "finetuning",
            ClassTask(self.student, config.dice),
            self._data.labels(self.card(), config.batch_size, stream=1),
            config.finetune_steps,
            ("model.image_encoder.", *answering(self.student, "model")),
            validate=validation,
            rates={} if config.pretraining == "none" else {"": config.finetune_rate},
            done=calibrate,
        )

    # --- what the stages share ----------------------------------------------------------------------------
    def _knowledge(self) -> Knowledge:
        return Knowledge(self._context.folder / transfer.FOLDER / "knowledge")

    def _known(self, knowledge: Knowledge) -> Any:
        from src_training.tasks.alignment import AlignmentStream

        config = self._config
        draws = self._context.draws(config.batch_size)
        return AlignmentStream(self._data.transfer.scenes, knowledge, self.card(), draws, config.turns)

    def _ask(self, teacher: PromptableModel, card: ModelCard, knowledge: Knowledge) -> bool:
        context = self._context
        examiner = Examiner(teacher, card, self.card(), self._config.pairs, context.fabric.device)
        go_on = telling(context, "teacher's knowledge")
        return by_one(context, lambda: examiner.ask(self._data.transfer.scenes, knowledge, go_on))

    def _compare(self, knowledge: Knowledge) -> bool:
        """Say how sure the teacher is of the pictures that were made up, beside the real ones."""
        made = self._data.transfer.synthetic
        if made and self._context.fabric.is_global_zero:
            sure, of_made = confidence(knowledge, self._data.transfer.real), confidence(knowledge, made)
            values = {"confidence_real": sure, "confidence_synthetic": of_made}
            self._context.write(Metric(stage="teacher's knowledge", step=len(made), values=values))
            if of_made < sure - _UNSURE:
                self._context.warn(
                    f"The teacher is much less sure of the synthetic images ({of_made:.2f}) than of the real "
                    f"ones ({sure:.2f}).",
                    f"Look at {transfer.FOLDER}/synthetic.png in the run's folder; perhaps leave them out.",
                )
        return True

    def _forget(self, knowledge: Knowledge) -> Callable[[nn.Module], None]:
        def done(_task: nn.Module) -> None:
            if self._context.fabric.is_global_zero:
                knowledge.forget()

        return done


def student_architecture(config: TsKdConfig, classes: int) -> Architecture:
    """Return the shape of the student that tells so many classes apart."""
    return Architecture(
        encoder="vit_tiny",
        encoder_options={
            "image_size": config.size,
            "width": config.width,
            "depth": config.depth,
            "heads": config.heads,
        },
        grid=config.size // _PATCH,
        decoder="prompt_free",
        decoder_options={"classes": classes},
        masks="classes",
    )
