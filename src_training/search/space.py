"""Which encoders are searched among: slots, their candidates, and from choices to a description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.encoders.blueprint import (
    NONE,
    SKIP,
    STAGES,
    Blueprint,
    Edge,
    StagePlan,
    read_operation,
)

Choice = Mapping[str, tuple[str, ...]]
"""Name of a slot → its operations; none where the slot stays empty."""

WIDTHS: dict[str, tuple[int, ...]] = {
    "tiny": (8, 16, 32, 64, 96),
    "small": (16, 32, 64, 96, 128),
    "medium": (24, 48, 96, 160, 256),
    "paper": (32, 64, 128, 256, 512),
}
_COLOURS = 3
_FIRST = ("conv3",)  # three colours leave nothing to choose


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for an operation.

    Parameters
    ----------
    name : str
        Of its architecture parameters, such as ``s2_0_1``.
    stage : int
        From 0.
    source, target : int
        Nodes of the stage that it leads between; the step down into the stage is from -1 to 0.
    inputs, outputs, stride : int
        Channels, and 2 for a step down.
    candidates : tuple of str
        What may be there.
    """

    name: str
    stage: int
    source: int
    target: int
    inputs: int
    outputs: int
    stride: int
    candidates: tuple[str, ...]

    @property
    def title(self) -> str:
        """What people read: the stage, and where in it."""
        where = "down" if self.stride > 1 else f"{self.source} → {self.target}"
        return f"stage {self.stage}, {where}"

    def side(self, size: int) -> int:
        """Rows and columns of its input, for an image of `size`."""
        return int(size // 2 ** (self.stage if self.stride > 1 else self.stage + 1))


@dataclass(frozen=True)
class Space:
    """All encoders that a search may find.

    Parameters
    ----------
    widths : tuple of 5 int
        Channels of the stages.
    nodes : tuple of 5 int
        Nodes of each stage after the first; each is joined to all before it.
    operations, downs : tuple of str
        Candidates inside a stage and for the steps down.
    neck_width, neck_blocks, mixing, cell
        As in `Blueprint`.
    """

    widths: tuple[int, ...]
    nodes: tuple[int, ...]
    operations: tuple[str, ...]
    downs: tuple[str, ...]
    neck_width: int = 128
    neck_blocks: int = 1
    mixing: Literal["separable", "dense", "fused"] = "separable"
    cell: Literal[8, 16] = 16
    dim: int = 256

    def __post_init__(self) -> None:
        if len(self.widths) != STAGES or len(self.nodes) != STAGES:
            raise InvalidSetting(
                f"An encoder has {STAGES} stages, not {len(self.widths)} widths and {len(self.nodes)} nodes.",
                "Give five numbers of each.",
            )
        for name in (*self.operations, *self.downs):
            read_operation(name)
        if not set(self.operations) - {NONE, SKIP} or not self.downs:
            raise InvalidSetting("A search needs operations to choose from.", "For example conv3 and mb3_e4.")

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Every place, in the order in which an image comes by."""
        found = []
        for stage, width in enumerate(self.widths):
            inputs = self.widths[stage - 1] if stage else _COLOURS
            downs = self.downs if stage else _FIRST
            found.append(Slot(f"s{stage}_down", stage, -1, 0, inputs, width, 2, downs))
            for target in range(1, self.nodes[stage] + 1):
                for source in range(target):
                    name = f"s{stage}_{source}_{target}"
                    found.append(Slot(name, stage, source, target, width, width, 1, self.operations))
        return tuple(found)

    def plan(self, choice: Choice) -> Blueprint:
        """Write down the encoder of a choice; what leads nowhere is left out.

        A node that nothing leads to takes its stage's input as it is.
        """
        stages = [
            StagePlan(width=width, down=choice[f"s{stage}_down"][0], edges=self._edges(stage, choice))
            for stage, width in enumerate(self.widths)
        ]
        return self.fixed(stages)

    def first(self) -> Blueprint:
        """Return the encoder of all first candidates, for what no choice changes, such as the neck."""
        return self.plan({slot.name: slot.candidates[:1] for slot in self.slots})

    def fixed(self, stages: list[StagePlan]) -> Blueprint:
        """Return these stages with the neck of this space."""
        return Blueprint(
            stages=tuple(stages),
            dim=self.dim,
            neck_width=self.neck_width,
            neck_blocks=self.neck_blocks,
            mixing=self.mixing,
            cell=self.cell,
        )

    def _edges(self, stage: int, choice: Choice) -> tuple[Edge, ...]:
        """Return the edges on the way from the first node of a stage to its last."""
        live = live_slots([slot for slot in self.slots if slot.stage == stage and slot.stride == 1], choice)
        if not live:
            return ()
        # Nodes that are left out leave a gap in the numbers.
        numbers = {node: n for n, node in enumerate(sorted({n for s in live for n in (s.source, s.target)}))}
        edges = [
            Edge(source=numbers[slot.source], target=numbers[slot.target], operations=choice[slot.name])
            for slot in live
        ]
        return () if all(edge.operations == (SKIP,) for edge in edges) else tuple(edges)


def live_slots(slots: list[Slot], choice: Choice) -> list[Slot]:
    """Return the slots of one stage that lie on a way from its input to its output, empty ones left out."""
    filled = [slot for slot in slots if choice.get(slot.name)]
    last = max((slot.target for slot in slots), default=0)
    reached, wanted = {0}, {last}
    for slot in filled:  # slots are in the order of their targets
        if slot.source in reached:
            reached.add(slot.target)
    for slot in reversed(filled):
        if slot.target in wanted:
            wanted.add(slot.source)
    return [slot for slot in filled if slot.source in reached and slot.target in wanted]
