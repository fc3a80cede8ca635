"""The loop, on a task small enough to follow: resume, stop, freeze, average, memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric
from torch import nn

from napari_medkd.runs import RunSpec, request_stop
from src_training import checkpoint
from src_training.context import Context
from src_training.loop import Fit
from src_training.recipes.base import Outer, RecipeConfig, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Rows:
    """A batch of a regression."""

    images: torch.Tensor

    @property
    def weight(self) -> int:
        return len(self.images)

    def pieces(self, count: int) -> list[Rows]:
        return [Rows(part) for part in torch.tensor_split(self.images, count)]

    def to(self, device: torch.device) -> Rows:
        return Rows(self.images.to(device))


class Regression(nn.Module):
    """Learns y = 2·x₀ − x₁; fails for want of memory above `room` rows."""

    def __init__(self, room: int = 100):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(2, 4)
        self.head = nn.Linear(4, 1)
        self.room = room

    def forward(self, batch: Rows) -> dict[str, torch.Tensor]:
        if len(batch.images) > self.room:
            raise torch.OutOfMemoryError("made up")
        wanted = 2 * batch.images[:, :1] - batch.images[:, 1:]
        return {"loss": ((self.head(self.body(batch.images)) - wanted) ** 2).mean()}


def rows(first: int) -> Iterator[Rows]:
    step = first
    while True:
        yield Rows(torch.randn(8, 2, generator=torch.Generator().manual_seed(step)))
        step += 1


class Desk:
    """A run's folder and what was written there."""

    def __init__(self, folder: Path, **config: Any):
        self.events: list[Any] = []
        fabric = Fabric(accelerator="cpu", devices=1)
        self.context = Context(RunSpec(recipe="none"), folder, fabric, self.events.append)
        self.config = RecipeConfig(learning_rate=0.05, weight_decay=0, checkpoint_every=5, ema=0.9, **config)
        self.stage = Stage("fit", Regression(), rows, 30, ("body", "head"))

    def fit(self) -> Fit:
        return Fit(self.stage, 0, self.config, self.context)

    def state(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.stage.task.state_dict().items()}

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_it_learns_and_tells(tmp_path):
    desk = Desk(tmp_path)
    before = desk.stage.task(next(rows(99)))["loss"].item()
    desk.fit().run()
    assert desk.stage.task(next(rows(99)))["loss"].item() < 0.2 * before
    assert desk.kinds().count("checkpoint") == 6 and "metric" in desk.kinds()
    assert desk.events[-2].step == 30 or desk.events[-1].step == 30


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    whole = Desk(tmp_path / "whole")
    whole.context.folder.mkdir()
    whole.fit().run()
    half = Desk(tmp_path / "half")
    half.context.folder.mkdir()
    half.stage = replace(half.stage, batches=stopping(half.context.folder, 13))
    assert half.fit().run().stopped
    again = Desk(half.context.folder)
    state = checkpoint.load(half.context.folder)
    assert state is not None and state["step"] == 13
    (half.context.folder / "stop").unlink()
    fit = again.fit()
    fit.resume(state)
    assert not fit.run().stopped
    assert same(whole.state(), again.state())


def stopping(folder: Path, step: int) -> Any:
    """Return batches that ask for a stop once `step` of them were drawn."""

    def batches(first: int) -> Iterator[Rows]:
        for number, batch in enumerate(rows(first), start=first + 1):
            if number == step:
                request_stop(folder)
            yield batch

    return batches


def two_levels(desk: Desk, **outer: Any) -> Stage:
    """Return the stage with its body on the outer level, on other rows."""
    level = Outer(("body",), lambda first: rows(first + 500), rate=0.02, **outer)
    return replace(desk.stage, trainable=("head",), outer=level)


def test_two_levels_resume_to_the_same_bits(tmp_path):
    ended = []
    for name, stop in (("whole", 99), ("half", 13)):
        desk = Desk(tmp_path / name)
        desk.context.folder.mkdir()
        desk.stage = replace(two_levels(desk, after=4), batches=stopping(desk.context.folder, stop))
        stopped = desk.fit().run().stopped
        assert stopped == (name == "half")
        if stopped:
            (desk.context.folder / "stop").unlink()
            desk = Desk(desk.context.folder)
            desk.stage = two_levels(desk, after=4)
            fit = desk.fit()
            state = checkpoint.load(desk.context.folder)
            assert state is not None and state["outer"]["state"]
            fit.resume(state)
            assert not fit.run().stopped
        ended.append(desk.state())
    assert same(*ended)


def test_the_outer_level_learns_from_its_own_batches_and_from_its_step_on(tmp_path):
    desk = Desk(tmp_path)
    seen: dict[int, dict[str, torch.Tensor]] = {0: desk.state()}
    drawn: list[int] = []

    def outer(first: int) -> Iterator[Rows]:
        drawn.append(first)
        yield from rows(first + 500)

    level = Outer(("body",), outer, rate=0.02, after=20)
    desk.stage = replace(
        desk.stage,
        trainable=("head",),
        outer=level,
        watch=lambda task, step: seen.update({step: desk.state()}),
    )
    desk.fit().run()
    assert sorted(seen) == list(range(31)) and drawn == [20]
    still = [torch.equal(seen[step]["body.weight"], seen[0]["body.weight"]) for step in (19, 20, 21)]
    assert still == [True, True, False]
    assert not torch.equal(seen[1]["head.weight"], seen[0]["head.weight"])
    assert desk.stage.task(next(rows(99)))["loss"].item() < 1


def test_what_the_stage_does_not_name_is_frozen(tmp_path):
    desk = Desk(tmp_path)
    desk.stage = replace(desk.stage, trainable=("head",))
    before = desk.state()
    desk.fit().run()
    after = desk.state()
    assert torch.equal(before["body.weight"], after["body.weight"])
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_a_full_memory_makes_smaller_pieces_of_the_same_gradient(tmp_path):
    roomy, tight = Desk(tmp_path / "roomy"), Desk(tmp_path / "tight")
    tight.stage = replace(tight.stage, task=Regression(room=3))
    for desk in (roomy, tight):
        desk.context.folder.mkdir()
        desk.fit().run()
    for name, value in roomy.state().items():
        assert torch.allclose(value, tight.state()[name], atol=1e-4)
    warned = [event.message for event in tight.events if event.kind == "warning"]
    assert len(warned) == 2 and "4 pieces" in warned[-1]


def test_what_is_needed_is_said_before_it_starts(tmp_path):
    desk = Desk(tmp_path)
    desk.fit().run()
    assert desk.events[0].kind == "metric" and set(desk.events[0].values) == {"planned_mb", "free_mb"}


def test_it_keeps_the_best_and_ends_when_nothing_gets_better(tmp_path):
    desk = Desk(tmp_path, validate_every=5, patience=2)
    scores = iter([0.3, 0.9, 0.5, 0.4, 0.99])
    seen: list[dict[str, torch.Tensor]] = []

    def validate(task: nn.Module) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in task.state_dict().items()})
        assert not task.training
        return {"score": next(scores)}

    desk.stage = replace(desk.stage, validate=validate)
    outcome = desk.fit().run()
    assert outcome.figures == {"score": 0.9} and len(seen) == 4
    assert same(seen[1], desk.state())


def test_the_last_step_is_looked_at_whatever_its_number(tmp_path):
    desk = Desk(tmp_path, validate_every=20)
    scores = iter([0.3, 0.9])
    desk.stage = replace(desk.stage, validate=lambda task: {"score": next(scores)})
    assert desk.fit().run().figures == {"score": 0.9}


def test_gradients_are_summed_over_accumulated_batches(tmp_path):
    desk = Desk(tmp_path, accumulate=2)
    drawn: list[int] = []

    def batches(first: int) -> Iterator[Rows]:
        for number, batch in enumerate(rows(first)):
            drawn.append(number)
            yield batch

    desk.stage = replace(desk.stage, batches=batches, steps=5)
    desk.fit().run()
    assert len(drawn) == 1 + 10  # one for the memory plan, two for each step


def test_half_a_checkpoint_is_none(tmp_path):
    checkpoint.save(tmp_path, {"step": 3})
    (tmp_path / "checkpoints" / "last.part").write_bytes(b"torn")
    assert checkpoint.load(tmp_path) == {"step": 3}
    assert checkpoint.load(tmp_path / "nowhere") is None
