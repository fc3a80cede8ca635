"""The one stage of the recipe ``refresh``: what it sees, how it is judged, and how far it is drawn back."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medkd.runs import Progress, stop_requested
from src_training.advice import AdvisedStream
from src_training.interpolation import Caution, Interpolation
from src_training.looking import Look, Pool, Previews
from src_training.pictures import by_set
from src_training.recipes.base import Stage
from src_training.rehearsal import AheadStream, EncodedStream, RehearsalStream
from src_training.replay import Replay
from src_training.tasks.rehearsal import RehearsalTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.pictures import Picture
    from src_training.recipes.refresh import RefreshConfig
    from src_training.recipes.refresh_teacher import AdaptedTeacher

NAME = "learning"
_AHEAD = "views"  # what is done with views before the first step, as it is told
_LOOKED_AT = 2  # batches of each pool at a look


def learning(
    config: RefreshConfig,
    context: Context,
    student: PromptableModel,
    card: ModelCard,
    parts: Sequence[str],
    teacher: AdaptedTeacher | None = None,
) -> Stage:
    """Build the stage; `parts` are the prefixes of what learns, `teacher` the one of the thorough mode."""
    orders = context.spec.learning
    replay = Replay(map(Path, orders.replay if orders is not None else ()), tell=context.warn)
    finds = _taught(config, context, card) if teacher is None else []
    rehearsed = [*replay.pictures("train"), *finds] if config.rehearsal else []
    draws = context.draws(config.batch_size)
    stream = RehearsalStream(context.pictures, rehearsed, card, draws, config.objects, config.rehearsal)
    before = deepcopy(student)
    advice = teacher.advice(card) if teacher is not None else None
    task = RehearsalTask(student, before, config.retain, advice=advice, **_asking(config, card, draws.seed))
    chosen_by = context.validation
    if not chosen_by:
        context.warn(
            "No case is for choosing by yet, so the training cases themselves say how far to go.",
            "Correct some more images: of the first five, one is kept for that.",
        )
    shown = chosen_by or context.pictures
    quick = config.mode == "quick"
    sizes = config.batch_size, config.objects, _LOOKED_AT, quick
    look = Look(
        Pool("held_out", shown, card, *sizes),
        [Pool(f"replay_{kind}", kept, card, *sizes) for kind, kept in by_set(replay.pictures("val")).items()],
        Previews(shown, card, context, NAME),
    )
    caution = Caution(config.margin, config.kind_margin, config.gain)
    ahead: AheadStream | None = None
    if quick:
        ahead = EncodedStream(stream, student, config.views)
    elif teacher is not None:
        ahead = AdvisedStream(stream, teacher.advisor(card), config.views)
    return Stage(
        NAME,
        task,
        stream if ahead is None else ahead,
        config.steps,
        (*parts, "advice."),
        validate=look,
        rates={"student.image_encoder.backbone": config.backbone_rate},
        prepare=None if ahead is None else lambda: ahead.prepare(context.fabric.device, _teller(context)),
        done=Interpolation(before, look, caution, context, NAME, config.steps),
        watch=look.watch,
    )


def _asking(config: RefreshConfig, card: ModelCard, seed: int) -> dict[str, Any]:
    """Return how the simulated user asks: a model that knows only boxes is asked once, with a box."""
    clicks = "point" in card.capabilities
    return {
        "frame": card.preprocessing.prompt_frame,
        "rounds": config.rounds if clicks else 1,
        "seed": seed,
        "boxes": None if clicks and "box" in card.capabilities else float(not clicks),
    }


def _taught(config: RefreshConfig, context: Context, card: ModelCard) -> list[Picture]:
    """Return the corrected images once more with what a teacher finds on them, where there is one."""
    if not config.teacher:
        return []
    from dataclasses import replace

    from src_training.lessons import ask

    lessons = ask(config.teacher, context.pictures, context, card.architecture.grid, 4)
    return [
        replace(picture, objects=lesson.objects)
        for picture, lesson in zip(context.pictures, lessons, strict=True)
        if lesson.objects.any()
    ]


def _teller(context: Context) -> Callable[[int, int], bool]:
    """Return what tells for how many batches that is done, and whether to go on."""

    def tell(done: int, count: int) -> bool:
        context.write(Progress(stage=_AHEAD, step=done, total=count))
        return not stop_requested(context.folder)

    return tell
