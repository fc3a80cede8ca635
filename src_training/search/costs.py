"""What every operation of a space costs: measured on the device and kept on disk, or counted."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from napari_medkd.models.encoders.blueprint import NONE, SKIP
from napari_medkd.models.encoders.operations import build_operation
from napari_medkd.models.encoders.searched import FIRST_SUMMED, SearchedEncoder, build_neck
from src_training.files import write_text
from src_training.search.stopwatch import Stopwatch, Untouched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_medkd.models.encoders.blueprint import Blueprint
    from src_training.search.derive import Costs
    from src_training.search.space import Slot, Space

_FREE = (SKIP, NONE)


class LatencyTable:
    """Milliseconds of operations by what they are and how large their input is, kept between runs.

    Parameters
    ----------
    folder : Path
        Where tables are kept; a file for each device, number of threads and version of the runtime.
    stopwatch : Stopwatch
        Measures what is not known yet.
    """

    def __init__(self, folder: Path, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        slug = re.sub(r"[^a-z0-9]+", "-", stopwatch.name.lower()).strip("-")[:60]
        digest = hashlib.sha256(stopwatch.name.encode()).hexdigest()[:8]
        self._path = folder / f"{slug}-{digest}.json"
        self._known = _read(self._path)

    def costs(self, space: Space, size: int, go_on: Callable[[int, int], bool]) -> tuple[Costs, float] | None:
        """Return the milliseconds of every candidate of every slot, and those of the neck.

        `go_on` hears how many are known of how many, and says whether to; None where it does not. What was
        measured until then is kept.
        """
        wanted = [(slot, name) for slot in space.slots for name in slot.candidates if name not in _FREE]
        costs: Costs = {slot.name: dict.fromkeys(slot.candidates, 0.0) for slot in space.slots}
        for number, (slot, name) in enumerate(wanted, start=1):
            costs[slot.name][name] = self._operation(slot, name, size)
            if not go_on(number, len(wanted) + 1):
                return None
        neck = self._neck(space, size)
        go_on(len(wanted) + 1, len(wanted) + 1)
        return costs, neck

    def _operation(self, slot: Slot, name: str, size: int) -> float:
        side = slot.side(size)
        key = f"{name} {slot.inputs}>{slot.outputs} /{slot.stride} @{side}"
        shape = (1, slot.inputs, side, side)
        return self._measured(
            key, lambda: build_operation(name, slot.inputs, slot.outputs, slot.stride), shape
        )

    def _neck(self, space: Space, size: int) -> float:
        widths = space.widths[FIRST_SUMMED:]
        sides = [size // 2 ** (FIRST_SUMMED + 1 + number) for number in range(len(widths))]
        shapes = [(1, width, side, side) for width, side in zip(widths, sides, strict=True)]
        key = f"neck {widths} {space.neck_width} {space.neck_blocks} {space.mixing} {space.cell} @{size}"
        return self._measured(key, lambda: _NeckOf(space), *shapes)

    def _measured(self, key: str, build: Callable[[], nn.Module], *shapes: tuple[int, ...]) -> float:
        if key not in self._known:
            nothing = self._nothing()
            took = self._stopwatch.milliseconds(build(), *shapes) - nothing
            self._known[key] = round(max(took, 1e-3), 4)
            write_text(self._path, json.dumps(self._known, indent=0) + "\n")
        return self._known[key]

    def _nothing(self) -> float:
        """Return what a measurement costs in which nothing is computed."""
        if "nothing" not in self._known:
            self._known["nothing"] = round(self._stopwatch.milliseconds(Untouched(), (1, 8, 16, 16)), 4)
        return self._known["nothing"]


class _NeckOf(nn.Module):
    def __init__(self, space: Space) -> None:
        super().__init__()
        self.neck = build_neck(space.widths, space.first())

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.neck(maps)
        return found


def multiply_accumulates(space: Space, size: int) -> tuple[Costs, float]:
    """Return the 10⁹ multiply-accumulates of every candidate of every slot, and those of the neck."""
    costs: Costs = {slot.name: dict.fromkeys(slot.candidates, 0.0) for slot in space.slots}
    for slot in space.slots:
        side = slot.side(size)
        for name in slot.candidates:
            if name not in _FREE:
                operation = build_operation(name, slot.inputs, slot.outputs, slot.stride)
                costs[slot.name][name] = _gmac(operation, torch.zeros(1, slot.inputs, side, side))
    widths = space.widths[FIRST_SUMMED:]
    sides = [size // 2 ** (FIRST_SUMMED + 1 + number) for number in range(len(widths))]
    maps = [torch.zeros(1, width, side, side) for width, side in zip(widths, sides, strict=True)]
    return costs, _gmac(_NeckOf(space), *maps)


def encoder_milliseconds(plan: Blueprint, size: int, stopwatch: Stopwatch, seconds: float = 1.0) -> float:
    """Return how long a whole encoder takes for one image; weights do not matter to that."""
    return stopwatch.milliseconds(SearchedEncoder(plan), (1, 3, size, size), seconds=seconds)


@torch.no_grad()
def _gmac(network: nn.Module, *inputs: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    return float(counter.get_total_flops()) / 2e9


def _read(path: Path) -> dict[str, float]:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # not there, or half of it: measured again
    return {str(key): float(value) for key, value in found.items()} if isinstance(found, dict) else {}
