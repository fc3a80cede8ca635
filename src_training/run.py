"""One run from its orders to a model: the stages of its recipe, one after the other, then the export."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from pydantic import ValidationError

from napari_medkd.errors import InvalidSetting, RunFailed
from napari_medkd.runs import Event, Finished, ModelExported, Progress, RunSpec
from napari_medkd.runs import Stage as StageEvent
from src_training import checkpoint, recipes
from src_training.context import Context
from src_training.export import export
from src_training.loop import Fit
from src_training.recipes.base import Later

if TYPE_CHECKING:
    from pathlib import Path

    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from napari_medkd.runs import EventWriter
    from src_training.recipes import Recipe, RecipeConfig
    from src_training.recipes.base import Stage

_PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def run(folder: Path, writer: EventWriter) -> None:
    """Train what ``run.json`` asks for, or go on where a checkpoint is there, and export the model."""
    trained = train(folder, writer)
    if trained is None or not trained.context.fabric.is_global_zero:
        return
    context = trained.context
    context.write(Progress(stage="export", step=0, total=1))
    place = export(trained.model, trained.card, trained.config, context, trained.figures)
    context.write(ModelExported(id=trained.card.id, path=str(place.relative_to(folder))))
    figures = dict(trained.figures)
    if context.spec.learning is not None:
        from src_training.comparing import compare

        figures |= compare(context, place)
    context.write(Finished(summary=figures))


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What came of a run that went to its end.

    Parameters
    ----------
    model : PromptableModel
        The network.
    card : ModelCard
        What it is; what only the export knows is not on it yet.
    figures : dict
        The last stage's best look at the validation cases.
    config : RecipeConfig
        The numbers of the recipe.
    context : Context
        The run.
    """

    model: PromptableModel
    card: ModelCard
    figures: dict[str, float]
    config: RecipeConfig
    context: Context


def train(folder: Path, writer: EventWriter) -> Trained | None:
    """Do all of a run but the export; None where it was asked to stop, to go on from its checkpoint later."""
    spec = RunSpec.load(folder)
    fabric = hardware(spec)
    try:
        return _trained(spec, fabric, folder, writer)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _trained(spec: RunSpec, fabric: Fabric, folder: Path, writer: EventWriter) -> Trained | None:
    fabric.seed_everything(spec.seed, verbose=False)

    def write(event: Event) -> None:
        if fabric.is_global_zero:
            writer.write(event)

    context = Context(spec, folder, fabric, write)
    recipe = recipes.load()[spec.recipe]()
    config = _config(recipe, spec)
    try:
        figures = _train(recipe, config, context)
    except torch.OutOfMemoryError as error:
        raise RunFailed(
            "A single view of this student does not fit into the memory of the device.",
            "Choose a smaller input size or backbone, or another device.",
        ) from error
    return None if figures is None else Trained(*recipe.model(config, context), figures, config, context)


def _train(recipe: Recipe, config: RecipeConfig, context: Context) -> dict[str, float] | None:
    """Fit the stages in turn; returns the last validation figures, or None where it was stopped."""
    stages = recipe.stages(config, context)
    state = checkpoint.load(context.folder)
    figures: dict[str, float] = {}
    for number, planned in enumerate(stages):
        if state is not None and number < state["stage"]:
            continue
        stage = planned.build() if isinstance(planned, Later) else planned
        if stage is None:
            return None
        _announce(stage, number, len(stages), context)
        if stage.prepare is not None and not stage.prepare():
            return None
        fit = Fit(stage, number, config, context)
        if state is not None and number == state["stage"]:
            fit.resume(state)
        outcome = fit.run()
        if outcome.stopped:
            return None
        if stage.done is not None:
            stage.done(stage.task)
            context.fabric.barrier()  # later stages read what the first process keeps
        figures = outcome.figures
    return figures


def _announce(stage: Stage, number: int, count: int, context: Context) -> None:
    context.write(StageEvent(name=stage.name, index=number, count=count, steps=stage.steps))


def _config(recipe: Recipe, spec: RunSpec) -> RecipeConfig:
    try:
        return recipe.config.model_validate(spec.options)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSetting(
            f"The option {'.'.join(map(str, first['loc']))} cannot be taken: {first['msg'].lower()}.",
            f"See: medkd train {spec.recipe} --help",
        ) from error


def hardware(spec: RunSpec) -> Fabric:
    """Return where and how exactly to compute; several GPUs come from ``devices`` or from torchrun."""
    device = spec.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InvalidSetting(
            f"The device {device} was asked for, but torch sees no GPU.", "Choose auto or cpu."
        )
    kind, _, index = device.partition(":")
    precision = spec.precision
    if precision == "auto":
        precision = "bf16" if kind == "cuda" and torch.cuda.is_bf16_supported() else "32"
    if precision not in _PRECISIONS:
        raise InvalidSetting(f"{precision!r} is not a precision.", "Use auto, 32, bf16 or fp16.")
    local, nodes = _processes(spec)
    one = int(index) if index and local * nodes == 1 else None
    # Not every parameter has a part in every step: candidates only where a prompt was unclear, for one.
    together = DDPStrategy(find_unused_parameters=True) if local * nodes > 1 else "auto"
    fabric = Fabric(
        accelerator=kind,
        devices=local if one is None else [one],
        num_nodes=nodes,
        strategy=together,
        precision=_PRECISIONS[precision],
        plugins=[_environment()],
    )
    fabric.launch()
    return fabric


def _processes(spec: RunSpec) -> tuple[int, int]:
    """Return how many processes work on this computer, and on how many computers."""
    if not TorchElasticEnvironment.detect():
        return spec.devices, 1
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return local, int(os.environ["WORLD_SIZE"]) // local


def _environment() -> ClusterEnvironment:
    """Return who starts the processes: torchrun where it did, else this process itself.

    A scheduler such as SLURM that this process runs under is not asked; it starts torchrun, which is.
    """
    return TorchElasticEnvironment() if TorchElasticEnvironment.detect() else LightningEnvironment()
