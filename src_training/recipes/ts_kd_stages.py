"""The stages of TS-KD and of its controls, built for one run; imports torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target
from napari_medkd.models.checkpoint import load_state, read_state
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import Metric
from src_training import transfer
from src_training.automatic import answering, teacher_network
from src_training.calibration import temperature
from src_training.data import about
from src_training.draws import Draws
from src_training.files import write_weights
from src_training.knowledge import Examiner, Knowledge, confidence
from src_training.lora import adapt, low_rank, merge
from src_training.manifest import FILE as MANIFEST
from src_training.manifest import Manifest, Seen, digests
from src_training.pretrained import load_answering
from src_training.recipes.base import Stage
from src_training.scenes import Pool, budget, load_pool
from src_training.tasks.classes import ClassStream, ClassTask, ClassValidation
from src_training.transfer import TransferSet, by_one, telling
from src_training.views import stretched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes.ts_kd import TsKdConfig
    from src_training.scenes import Scene

_PATCH = 16
_WITH_TEACHER = ("ts-kd", "task-agnostic")
_PARTS = "parts"  # folder of what one stage leaves to the next
_TEACHER, _DIFFUSION = "teacher.safetensors", "diffusion.safetensors"
_UNSURE = 0.1  # by which the teacher may be less sure of synthetic pictures, before the user hears of it


class Making:
    """One run of the recipe: its data, its networks and its stages.

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
        self._names = config.targets or (_named(context),)
        pool = load_pool(
            [Path(name) for name in context.spec.data],
            [Path(name) for name in context.spec.validation],
            self._classes,
            context.warn,
        )
        if not config.teacher and config.pretraining in _WITH_TEACHER:
            raise InvalidSetting(
                f"The pre-training {config.pretraining} needs a teacher.",
                "Name an installed one: --set teacher=litemedsam, or use --set pretraining=mae.",
            )
        self._fit: Literal["pad", "stretch"] = (
            ModelStore().get(config.teacher).preprocessing.fit if config.teacher else "pad"
        )
        labelled, rest = budget(pool.labelled, config.labels, context.spec.seed)
        parts = (labelled, [*rest, *pool.unlabelled], pool.validation)
        self._pool = Pool(*(tuple(_fitted(scene, self._fit) for scene in scenes) for scenes in parts))
        self._temperature = 1.0
        self._transfer = self._transfer_set()
        self.student = self._student()

    @property
    def _classes(self) -> int:
        return len(self._names)

    def stages(self) -> list[Stage]:
        """Return the stages in order, and write down what each may see."""
        kind = self._config.pretraining
        stages: list[Stage] = []
        if kind == "ts-kd":
            stages.append(self._teacher())
        if kind != "none" and self._transfer.synthesis is not None:
            stages.append(self._diffusion())
        if kind != "none":
            pretraining: dict[str, Callable[[], Stage]] = {
                "ts-kd": self._alignment,
                "task-agnostic": self._embedding,
                "mae": self._masked,
            }
            stages.append(pretraining[kind]())
        stages.append(self._finetuning())
        self._write_manifest([stage.name for stage in stages])
        return stages

    def card(self) -> ModelCard:
        """Return the student's card."""
        config = self._config
        return ModelCard(
            id=config.name,
            title=config.title,
            architecture=student_architecture(config, self._classes).model_copy(
                update={"temperature": self._temperature}
            ),
            preprocessing=Preprocessing(
                size=config.size,
                fit=self._fit,
                mean=(127.0,) * 3,
                std=(128.0,) * 3,
            ),
            capabilities=frozenset({"auto"}),
            targets=tuple(Target(name=name) for name in self._names),
            parent=config.teacher if config.pretraining in _WITH_TEACHER else "",
            training_data=self._data(),
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

    def _transfer_set(self) -> TransferSet:
        config, seed = self._config, self._context.spec.seed
        every = [*self._pool.labelled, *self._pool.unlabelled]
        real = _some(every, min(config.real or config.transfer, config.transfer), seed)
        missing = config.transfer - len(real) if config.synthetic and config.pretraining != "none" else 0
        if not missing:
            return TransferSet(real, 0, None)
        from src_training.diffusion.pictures import squares
        from src_training.diffusion.synthesis import Synthesis

        pictures = [scene.picture for scene in real]
        synthesis = Synthesis(
            self._context.folder / _PARTS / _DIFFUSION,
            self._context.folder / transfer.FOLDER,
            pictures,
            squares(pictures, config.diffusion_size),
            config.diffusion_width,
            config.ddim_steps,
            config.size,
            seed,
        )
        return TransferSet(real, missing, synthesis)

    # --- stages -------------------------------------------------------------------------------------------
    def _teacher(self) -> Stage:
        """(c) LoRA on the frozen encoder, and the decoder, on the labelled pictures."""
        config = self._config
        teacher, card = teacher_network(config.teacher, self._classes, config.teacher_size)
        adapt(teacher.image_encoder, config.rank, config.alpha)
        path = self._context.folder / _PARTS / _TEACHER

        def keep(_task: nn.Module) -> None:
            if self._context.fabric.is_global_zero:
                write_weights(path, merge(teacher).cpu().state_dict())

        return Stage(
            "teacher",
            ClassTask(teacher, config.dice, frozen=True),
            self._labels(card, config.teacher_batch, stream=0),
            config.teacher_steps,
            (*(f"model.{name}" for name in low_rank(teacher)), *answering(teacher, "model")),
            validate=self._validation(card, config.teacher_batch),
            rates={"": config.teacher_rate / config.learning_rate},
            done=keep,
        )

    def _diffusion(self) -> Stage:
        """(t) The diffusion model of the real pictures of the transfer set."""
        from src_training.diffusion.network import unet
        from src_training.diffusion.synthesis import look
        from src_training.diffusion.task import DiffusionLook, DiffusionTask, NoiseStream

        config, context, synthesis = self._config, self._context, self._transfer.synthesis
        assert synthesis is not None
        squares, seed = synthesis.squares, context.spec.seed
        task = DiffusionTask(unet(squares.shape[3], config.diffusion_width))

        def draw(network: nn.Module) -> None:
            if context.fabric.is_global_zero:
                look(network, squares.shape[1:], seed, context.folder / _PARTS / "samples.png")

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
        plain, card = teacher_network(config.teacher, self._classes, config.teacher_size)
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
            load_state(plain, read_state(self._context.folder / _PARTS / _TEACHER), "the adapted teacher")
            return self._fill() and self._ask(plain, card, knowledge) and self._compare(knowledge)

        return Stage(
            "pretraining",
            task,
            self._known(knowledge),
            config.pretrain_steps,
            ("student.image_encoder.", "projections.", *answering(self.student, "student")),
            validate=self._validation(self.card(), config.batch_size),
            prepare=prepare,
            done=self._forget(knowledge),
        )

    def _embedding(self) -> Stage:
        """The control that knows no task: the embedding of the teacher as it is."""
        from src_training.tasks.alignment import EmbeddingTask

        config = self._config
        plain, card = teacher_network(config.teacher, self._classes, config.teacher_size)
        knowledge = self._knowledge()
        return Stage(
            "pretraining",
            EmbeddingTask(self.student),
            self._known(knowledge),
            config.pretrain_steps,
            ("student.image_encoder.",),
            prepare=lambda: self._fill() and self._ask(plain, card, knowledge),
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
                self._transfer.scenes, self.card(), self._context.draws(config.batch_size), config.turns
            ),
            config.pretrain_steps,
            ("student.image_encoder.trunk.", "narrow.", "unknown", "positions", "blocks.", "guess."),
            prepare=self._fill,
        )

    def _finetuning(self) -> Stage:
        """(e) The whole student on the labels."""
        config = self._config
        validation = self._validation(self.card(), config.batch_size)

        def calibrate(task: nn.Module) -> None:
            if validation is not None:
                self._temperature = temperature(task, validation)

        return Stage(
            "finetuning",
            ClassTask(self.student, config.dice),
            self._labels(self.card(), config.batch_size, stream=1),
            config.finetune_steps,
            ("model.image_encoder.", *answering(self.student, "model")),
            validate=validation,
            rates={} if config.pretraining == "none" else {"": config.finetune_rate},
            done=calibrate,
        )

    # --- what the stages share ----------------------------------------------------------------------------
    def _labels(self, card: ModelCard, batch_size: int, stream: int) -> ClassStream:
        seed = 2 * self._context.spec.seed + stream  # other views for the teacher than for the student
        draws = self._context.draws(batch_size, seed)
        return ClassStream(self._pool.labelled, card, self._classes, draws, self._config.turns)

    def _validation(self, card: ModelCard, batch_size: int) -> ClassValidation | None:
        if not self._pool.validation:
            return None
        return ClassValidation(self._pool.validation, card, self._classes, batch_size)

    def _knowledge(self) -> Knowledge:
        return Knowledge(self._context.folder / transfer.FOLDER / "knowledge")

    def _known(self, knowledge: Knowledge) -> Any:
        from src_training.tasks.alignment import AlignmentStream

        config = self._config
        draws = self._context.draws(config.batch_size)
        return AlignmentStream(self._transfer.scenes, knowledge, self.card(), draws, config.turns)

    def _fill(self) -> bool:
        """Complete the transfer set, and the manifest with it."""
        filled = self._transfer.fill(self._context)
        if filled and self._context.fabric.is_global_zero:
            manifest = Manifest.load(self._context.folder)
            seen = manifest.stages["pretraining"].model_copy(
                update={"synthetic": digests(self._transfer.synthetic)}
            )
            stages = {**manifest.stages, "pretraining": seen}
            manifest.model_copy(update={"stages": stages}).save(self._context.folder)
        return filled

    def _ask(self, teacher: PromptableModel, card: ModelCard, knowledge: Knowledge) -> bool:
        context = self._context
        examiner = Examiner(teacher, card, self.card(), self._config.pairs, context.fabric.device)
        go_on = telling(context, "teacher's knowledge")
        return by_one(context, lambda: examiner.ask(self._transfer.scenes, knowledge, go_on))

    def _compare(self, knowledge: Knowledge) -> bool:
        """Say how sure the teacher is of the pictures that were made up, beside the real ones."""
        made = self._transfer.synthetic
        if made and self._context.fabric.is_global_zero:
            sure, of_made = confidence(knowledge, self._transfer.real), confidence(knowledge, made)
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

    # --- what is written down -----------------------------------------------------------------------------
    def _write_manifest(self, names: Sequence[str]) -> None:
        labelled, real = digests(self._pool.labelled), digests(self._transfer.real)
        seen = {
            "teacher": Seen(labelled=labelled),
            "diffusion": Seen(unlabelled=real),
            "pretraining": Seen(unlabelled=real),
            "finetuning": Seen(labelled=labelled),
        }
        folder = self._context.folder
        if self._context.fabric.is_global_zero and not (folder / MANIFEST).exists():
            stages = {name: seen[name] for name in names}
            Manifest(stages=stages, validation=digests(self._pool.validation)).save(folder)

    def _data(self) -> tuple[str, ...]:
        """Name each data set, its cases and its licence."""
        licences = {
            Path(name).name: str(about(Path(name)).get("licence", "")) for name in self._context.spec.data
        }
        counted: dict[str, list[int]] = {}
        used = self._pool.unlabelled if self._config.pretraining != "none" else ()
        for place, scenes in enumerate((self._pool.labelled, used)):
            for set_, _ in {(scene.picture.set, scene.picture.case) for scene in scenes}:
                counted.setdefault(set_, [0, 0])[place] += 1
        return tuple(
            f"{name} ({labelled} labelled and {unlabelled} unlabelled cases). "
            f"{licences.get(name) or 'Licence not stated.'}"
            for name, (labelled, unlabelled) in sorted(counted.items())
        )


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


def _fitted(scene: Scene, fit: str) -> Scene:
    """Return a scene as the teacher's frame has it, so that teacher and student see the same cells."""
    return replace(scene, picture=stretched(scene.picture)) if fit == "stretch" else scene


def _named(context: Context) -> str:
    """Return what the data sets say that their masks show."""
    said = (str(about(Path(name)).get("target", "")) for name in context.spec.data)
    return next(filter(None, said), "object")


def _some(scenes: Sequence[Scene], count: int, seed: int) -> list[Scene]:
    """Draw `count` scenes, in their order; those of a smaller count are among those of a larger one."""
    import numpy as np

    order = np.random.default_rng((seed, 12)).permutation(len(scenes))[:count]
    return [scenes[index] for index in sorted(order)]
