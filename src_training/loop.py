"""THE loop: one way to fit a stage, on a processor, a GPU or many, that can be stopped and gone on with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from napari_medkd.runs import CheckpointSaved, Metric, Progress, stop_requested
from src_training import checkpoint, memory, optimiser
from src_training.average import Average

if TYPE_CHECKING:
    from collections.abc import Iterator

    from src_training.batches import Batch
    from src_training.context import Context
    from src_training.recipes.base import RecipeConfig, Stage

_T = TypeVar("_T")
_TELL_SECONDS = 1.0  # between two progress events
_FIGURES_EVERY = 20  # steps
_FIGURES = 30  # at least, of a stage that has so many steps: a curve wants points


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended: ``done`` or ``stopped`` by the user, with its best validation figures."""

    stopped: bool
    figures: dict[str, float]


class Fit:
    """One stage in the making.

    Parameters
    ----------
    stage : Stage
        What is trained.
    number : int
        Which of the run's stages it is, from 0.
    config : RecipeConfig
        Its numbers.
    context : Context
        Hardware, folder and events.
    """

    def __init__(self, stage: Stage, number: int, config: RecipeConfig, context: Context) -> None:
        self._stage, self._number = stage, number
        self._config, self._context = config, context
        optimiser.freeze(stage)
        fabric = context.fabric
        levels: list[torch.optim.Optimizer] = [optimiser.build(stage, config)]
        if stage.outer is not None:
            levels.append(optimiser.build_outer(stage.task, stage.outer))
        self._task, *self._optimisers = fabric.setup(stage.task, *levels)
        self._optimiser = self._optimisers[0]
        self._average = Average(stage.task, config.ema)
        self._step = 0
        self._pieces = 1
        self._best: dict[str, Any] | None = None
        self._figures: dict[str, float] = {}
        self._looks = 0

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from where a checkpoint of this stage stands."""
        self._stage.task.load_state_dict(state["task"])
        for level, kept in zip(self._optimisers, (state["optimiser"], state.get("outer")), strict=False):
            level.load_state_dict(kept)
        self._average.load(state["average"], state["averaged"])
        self._step, self._pieces = state["step"], state["pieces"]
        self._best, self._figures, self._looks = state["best"], state["figures"], state["looks"]

    def run(self) -> Outcome:
        """Train to the end, to the last look that pays, or until somebody asks to stop."""
        self._plan()
        batches = iter(self._stage.batches(self._step))
        outer = self._outer_batches()
        began, first, told = time.monotonic(), self._step, 0.0
        while self._step < self._stage.steps:
            if self._agreed(stop_requested(self._context.folder)):
                self._save()
                return Outcome(stopped=True, figures=self._figures)
            if outer is not None and self._step >= outer[0]:
                self._update_outer(outer[1])
            figures = self._update(batches)
            self._step += 1
            self._report(figures)
            if self._stage.watch is not None and self._context.fabric.is_global_zero:
                self._stage.watch(self._stage.task, self._step)
            now = time.monotonic()
            if now - told > _TELL_SECONDS or self._step == self._stage.steps:
                self._tell((now - began) / (self._step - first))
                told = now
            if not self._look():
                break
            if self._step % self._config.checkpoint_every == 0:
                self._save()
        self._stage.task.load_state_dict(self._best or self._average.state)
        return Outcome(stopped=False, figures=self._figures)

    def _plan(self) -> None:
        """Say what memory the stage will need, and take batches in pieces from the start where it must."""
        device = self._context.fabric.device
        batch = next(iter(self._stage.batches(self._step)))
        weights, view = memory.need(self._stage.task.train(), batch, device)
        there = memory.free(device)
        count = memory.pieces(weights, view, len(batch.images), there)
        wanted = weights + view * len(batch.images)
        figures = {"planned_mb": wanted / 2**20, "free_mb": there / 2**20}
        self._context.write(Metric(stage=self._stage.name, step=self._step, values=figures))
        if count > self._pieces:
            self._pieces = count
            self._context.warn(
                f"A step would need {wanted / 2**30:.1f} GB and {there / 2**30:.1f} GB are free; each batch "
                f"is taken in {count} pieces, which takes longer and changes nothing else."
            )

    # --- one step -----------------------------------------------------------------------------------------
    def _update(self, batches: Any) -> dict[str, float]:
        """Make one update."""
        optimiser.set_rate(self._optimiser, self._config, self._step, self._stage.steps)
        self._stage.task.train()
        figures = self._fitting([next(batches) for _ in range(self._config.accumulate)])
        self._context.fabric.clip_gradients(self._task, self._optimiser, max_norm=self._config.clip)
        self._optimiser.step()
        self._average.update(self._stage.task)
        return figures

    def _outer_batches(self) -> tuple[int, Iterator[Any]] | None:
        """Return from which step on the outer level learns, and its batches from there or from here."""
        outer = self._stage.outer
        return None if outer is None else (outer.after, iter(outer.batches(max(self._step, outer.after))))

    def _update_outer(self, batches: Iterator[Any]) -> None:
        """Make one update of the outer level; what it does to the gradients of the inner one is forgotten."""
        self._stage.task.train()
        self._fitting([next(batches)])
        self._optimisers[1].step()

    def _fitting(self, waiting: list[Any]) -> dict[str, float]:
        """Find the gradients; a batch too large for the memory is taken in more pieces from then on."""
        while True:
            try:
                return self._gradients(waiting)
            except torch.OutOfMemoryError:
                self._shrink(waiting[0])

    def _gradients(self, waiting: list[Batch]) -> dict[str, float]:
        fabric = self._context.fabric
        for level in self._optimisers:
            level.zero_grad()
        sums: dict[str, float] = {}
        pieces = [piece for batch in waiting for piece in batch.pieces(self._pieces)]
        total = sum(piece.weight for piece in pieces)
        for number, piece in enumerate(pieces, start=1):
            with fabric.no_backward_sync(self._task, enabled=number < len(pieces)):
                found = self._task(piece.to(fabric.device))
                share = piece.weight / total
                fabric.backward(found["loss"] * share)
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) * share
        return sums

    def _shrink(self, batch: Batch) -> None:
        if self._pieces >= len(batch.images):
            raise
        self._pieces = min(2 * self._pieces, len(batch.images))
        torch.cuda.empty_cache()
        self._context.warn(
            f"The memory was full; each batch is now taken in {self._pieces} pieces, which changes nothing "
            "but the time."
        )

    # --- what is told and kept ----------------------------------------------------------------------------
    def _report(self, figures: dict[str, float]) -> None:
        every = max(1, min(_FIGURES_EVERY, self._stage.steps // _FIGURES))
        if self._step % every == 0 or self._step == self._stage.steps:
            values = self._over_all(figures)
            self._context.write(Metric(stage=self._stage.name, step=self._step, values=values))

    def _over_all(self, figures: dict[str, float]) -> dict[str, float]:
        """Return the mean of figures over the processes."""
        fabric = self._context.fabric
        if fabric.world_size == 1:
            return figures
        values = torch.tensor(list(figures.values()), device=fabric.device)
        means: Any = fabric.all_reduce(values, reduce_op="mean")
        return dict(zip(figures, means.tolist(), strict=True))

    def _tell(self, seconds: float) -> None:
        left = seconds * (self._stage.steps - self._step)
        self._context.write(
            Progress(stage=self._stage.name, step=self._step, total=self._stage.steps, seconds_left=left)
        )

    def _look(self) -> bool:
        """Validate where it is time to and at the end; False where nothing became better for too long."""
        due = self._step % self._config.validate_every == 0 or self._step == self._stage.steps
        if self._stage.validate is None or not due:
            return True
        figures: dict[str, float] = {}
        if self._context.fabric.is_global_zero:
            with self._average.worn_by(self._stage.task):
                figures = self._stage.validate(self._stage.task)
        figures = self._agreed(figures)
        self._context.write(Metric(stage=self._stage.name, step=self._step, values=figures))
        if not self._figures or figures["score"] > self._figures["score"]:
            self._figures, self._looks = figures, 0
            self._best = {name: value.clone() for name, value in self._average.state.items()}
        else:
            self._looks += 1
        return not self._config.patience or self._looks < self._config.patience

    def _agreed(self, value: _T) -> _T:
        """Return what the first process says, so that all processes go on, or leave, together."""
        fabric = self._context.fabric
        return fabric.broadcast(value) if fabric.world_size > 1 else value

    def _save(self) -> None:
        if not self._context.fabric.is_global_zero:
            return
        name = checkpoint.save(
            self._context.folder,
            {
                "stage": self._number,
                "step": self._step,
                "pieces": self._pieces,
                "task": self._stage.task.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                **({"outer": self._optimisers[1].state_dict()} if self._stage.outer is not None else {}),
                "average": self._average.state,
                "averaged": self._average.steps,
                "best": self._best,
                "figures": self._figures,
                "looks": self._looks,
            },
        )
        self._context.write(CheckpointSaved(path=name, step=self._step))
