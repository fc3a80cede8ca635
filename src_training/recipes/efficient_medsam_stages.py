"""The stages of EfficientMedSAM, built for one run; imports torch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.card import Architecture
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import Metric, Progress, stop_requested
from src_training.answers import AnsweringTeacher
from src_training.batches import ViewStream
from src_training.counting import count
from src_training.draws import Draws
from src_training.export import MODEL
from src_training.lessons import chosen
from src_training.losses.logits import dice_and_mask_loss
from src_training.pretrained import load_answering
from src_training.recipes.base import Later, Outer, Stage
from src_training.recipes.efficient_medsam_card import StudentCards
from src_training.search.derive import scores_of
from src_training.search.finding import Finder
from src_training.search.found import COSTS, Found, Priced, Trajectory, kept
from src_training.search.others import KNOWN, keep_other
from src_training.search.outcome import Outcome
from src_training.search.pricing import Pricing
from src_training.search.supernet import Supernet
from src_training.tasks.masks import Validation
from src_training.tasks.prompted import PromptedTask
from src_training.tasks.search import SearchTask
from src_training.tasks.taught import DistilTask, TaughtStream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.pictures import Picture
    from src_training.recipes.efficient_medsam import EfficientMedSamConfig
    from src_training.search.derive import Scores

_ENCODER, _DECODER = "student.image_encoder", "student.mask_decoder"
_ALPHA = f"{_ENCODER}.alpha"
_CELL = 16


class Making:
    """One run of the recipe.

    Parameters
    ----------
    config : EfficientMedSamConfig
        The numbers.
    context : Context
        The run.
    """

    def __init__(self, config: EfficientMedSamConfig, context: Context) -> None:
        self._config, self._context = config, context
        if context.spec.base:
            raise InvalidSetting(
                f"EfficientMedSAM finds its own encoder and cannot start from {context.spec.base}.",
                "Leave --model out; a teacher is named with --set teacher=ID.",
            )
        self._teacher = ModelStore().get(config.teacher)
        self._cards = StudentCards(config, self._teacher)
        self._pricing = Pricing(config, context)
        self._finder = Finder(config, context, self._pricing)
        self._outcome = Outcome(context, self._pricing.stopwatch, config.size)
        self._student: PromptableModel | None = None

    def stages(self) -> list[Stage | Later]:
        """Return the stages: search, rivals, retraining, distillation."""
        config = self._config
        stages: list[Stage | Later] = []
        if config.architecture == "search":
            stages.append(Later("search", config.search_steps, self._search))
        if config.rivals:
            names = [f"random {number + 1}" for number in range(config.rivals)]
            stages += [
                Later(f"rival: {name}", config.retrain_steps, partial(self._rival, name))
                for name in (*names, *KNOWN)
            ]
        stages.append(Later("retrain", config.retrain_steps, self._retrain))
        if config.distil_steps:
            stages.append(Later("distil", config.distil_steps, self._distil))
        return stages

    def model(self) -> tuple[PromptableModel, ModelCard]:
        """Return the student as its stages left it, and its card with what was measured."""
        found = self._finder.found()
        assert found is not None, "the stages come first"
        card = self._cards.found(found)
        return self._built(found), card.model_copy(update={"metrics": self._outcome.figures()})

    # --- search -------------------------------------------------------------------------------------------
    def _search(self) -> Stage | None:
        config, context = self._config, self._context
        priced = self._pricing.priced()
        if priced is None:
            return None
        space = self._pricing.space(priced.widths)
        card = self._cards.search(space)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.spec.seed)
            student = self._with_answering(card)
            student.image_encoder = Supernet(space, config.paths)
        task = SearchTask(
            student,
            card.preprocessing.prompt_frame,
            context.spec.seed,
            boxes=config.boxes,
            steps=config.search_steps,
            price=config.price,
            certainty=config.certainty,
        )
        task.set_costs(priced.costs, priced.shared, priced.target, priced.scale)
        halves = [context.pictures] * 2 if config.joint else _halves(context.pictures, context.spec.seed)
        outer = Outer(
            (_ALPHA,),
            self._views(halves[1], card, salt=1),
            config.alpha_rate,
            config.alpha_decay,
            after=round(config.search_warm_up * config.search_steps),
        )
        return Stage(
            "search",
            task,
            self._views(halves[0], card),
            config.search_steps,
            (_ENCODER, _DECODER),
            rates={_ALPHA: config.alpha_rate / config.learning_rate},
            done=lambda task: self._finder.derive(priced, _liked(task), "search"),
            outer=None if config.joint else outer,
            watch=Trajectory(context.folder, config.search_steps),
        )

    # --- retraining and distillation ----------------------------------------------------------------------
    def _retrain(self) -> Stage | None:
        config = self._config
        found = self._finder.found()
        if found is None:
            return None
        card = self._cards.found(found)
        student = self._built(found)
        if self._context.fabric.is_global_zero:
            self._context.write(Metric(stage="student", step=0, values=count(student, card)))
        last = not config.distil_steps
        name = {"search": "found", "random": "random", "fixed": "fixed"}.get(found.how, f"size {found.how}")
        return Stage(
            "retrain",
            self._asking(student, card),
            self._views(self._context.pictures, card),
            config.retrain_steps,
            (_ENCODER, _DECODER),
            validate=self._validation(card),
            done=lambda task: self._note(task, card, name, "found", last),
        )

    def _distil(self) -> Stage | None:
        config, context = self._config, self._context
        found = self._finder.found()
        if found is None:
            return None
        card = self._cards.found(found)
        pictures = chosen(context.pictures, config.lessons, context.spec.seed)
        answers = self._answers(pictures, card)
        if answers is None:
            return None
        task = DistilTask(
            self._built(found),
            card.preprocessing.prompt_frame,
            context.spec.seed,
            boxes=config.boxes,
            score=config.score_weight,
            logits=config.logit_weight,
            temperature=config.temperature,
            attention=config.attention_weight,
            share=config.attention_share,
            patch=config.attention_patch,
            centred=config.centred,
            stage=config.attention_stage,
            kind=config.student_map,
        )
        return Stage(
            "distil",
            task,
            TaughtStream(pictures, answers, card, context.draws(config.batch_size), config.objects),
            config.distil_steps,
            (_ENCODER, _DECODER),
            validate=self._validation(card),
            rates={"student.": config.distil_rate},
            done=lambda task: self._note(task, card, "distilled", "distilled", last=True),
        )

    def _answers(self, pictures: Sequence[Picture], card: ModelCard) -> Any:
        config, context = self._config, self._context

        def go_on(done: int, of: int) -> bool:
            context.write(Progress(stage="teacher", step=done, total=of))
            return not stop_requested(context.folder)

        teacher = AnsweringTeacher(
            ModelStore().build(config.teacher),
            self._teacher,
            context.cache,
            side=card.architecture.logit_side,
            objects=config.taught_objects,
            kind=config.teacher_map,
            device=context.fabric.device,
        )
        with context.fabric.rank_zero_first():
            return teacher.answers(pictures, go_on)

    # --- rivals -------------------------------------------------------------------------------------------
    def _rival(self, name: str) -> Stage | None:
        config = self._config
        if name in KNOWN:
            encoder, options = KNOWN[name]
            shape = Architecture(encoder=encoder, encoder_options=options, grid=config.size // _CELL)
        else:
            found = self._finder.rival(int(name.rpartition(" ")[2]))
            if found is None:
                return None
            shape = self._cards.found(found).architecture
        card = self._cards.of(shape, config.size)
        student = self._with_answering(card)
        kind = "known" if name in KNOWN else "random"
        return Stage(
            f"rival: {name}",
            self._asking(student, card),
            self._views(self._context.pictures, card),
            config.retrain_steps,
            (_ENCODER, _DECODER),
            validate=self._validation(card),
            done=lambda task: self._note(task, card, name, kind, last=False),
        )

    # --- what all of them share ---------------------------------------------------------------------------
    def _note(self, task: nn.Module, card: ModelCard, name: str, kind: str, last: bool) -> None:
        """Keep what a network is worth; after the last stage, check the promise and write the page."""
        if not self._context.fabric.is_global_zero:
            return
        validate = self._validation(card)
        figures = validate(task.eval()) if validate is not None else {}
        student: Any = task.student
        point = self._outcome.point(student.image_encoder, name, kind, figures.get("score"))
        package = MODEL if last else ""
        if self._config.rivals and not last:
            figures = {**figures, "encoder_ms": point.milliseconds}
            package = keep_other(student, card, name, self._config, self._context, figures)
        self._outcome.note(point.model_copy(update={"package": package}))
        if last:
            if not self._config.rivals:
                for known, (encoder, options) in KNOWN.items():
                    self._outcome.measure(known, encoder, options)
            # A size of the paper has no costs, since nothing was chosen.
            nothing = Priced(unit="", widths="paper", costs={}, shared=0)
            priced = kept(self._context.folder, COSTS, Priced) or nothing
            space = self._pricing.space(priced.widths)
            self._outcome.conclude(student, card, self._config.target_ms, space, priced)

    def _asking(self, student: PromptableModel, card: ModelCard) -> PromptedTask:
        return PromptedTask(
            student,
            card.preprocessing.prompt_frame,
            self._context.spec.seed,
            dice_and_mask_loss,
            boxes=self._config.boxes,
            score=self._config.score_weight,
            still=False,
        )

    def _views(self, pictures: Sequence[Picture], card: ModelCard, salt: int = 0) -> ViewStream:
        config, context = self._config, self._context
        draws = context.draws(config.batch_size, context.spec.seed + 10_007 * salt)
        return ViewStream([(pictures, 1.0)], card, draws, config.objects)

    def _validation(self, card: ModelCard) -> Callable[[nn.Module], dict[str, float]] | None:
        if not self._context.validation:
            return None
        config = self._config
        draws = Draws(config.batch_size, self._context.spec.seed)
        held_out = ViewStream([(self._context.validation, 1.0)], card, draws, config.objects)
        return Validation(held_out, names=("iou",))

    def _built(self, found: Found) -> PromptableModel:
        """Build the student once, by the run's seed whatever stage it is resumed at."""
        if self._student is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self._context.spec.seed)
                self._student = self._with_answering(self._cards.found(found))
        return self._student

    def _with_answering(self, card: ModelCard) -> PromptableModel:
        student = build_model(card.architecture, card.preprocessing)
        load_answering(student, ModelStore().build(self._config.teacher))
        return student


def _liked(task: nn.Module) -> Scores:
    """Return log softmax(α) of a trained supernet."""
    student: Any = task.student
    net = student.image_encoder
    probabilities = net.probabilities()
    return scores_of(
        {
            slot.name: dict(zip(slot.candidates, probabilities[slot.name].detach().tolist(), strict=True))
            for slot in net.space.slots
        }
    )


def _halves(pictures: Sequence[Picture], seed: int) -> list[list[Picture]]:
    """Split pictures by case, for the weights and for the architecture; one case alone is both."""
    cases = sorted({(picture.set, picture.case) for picture in pictures})
    order = np.random.default_rng((seed, 37)).permutation(len(cases))
    first = {cases[number] for number in order[: len(cases) // 2]}
    halves: list[list[Picture]] = [[], []]
    for picture in pictures:
        halves[0 if (picture.set, picture.case) in first else 1].append(picture)
    return halves if all(halves) else [list(pictures), list(pictures)]
