"""How large every network is and what it costs: students beside their teachers, by one command.

``python -m benchmarks.network_costs --json costs.json`` counts parameters and multiply-accumulates, and times
one image and one answer on one thread of the processor. SAM's own ViT-B is counted without its weights, since
nobody waits for it here. Images a second on a GPU: `benchmarks.throughput`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks import measuring
from benchmarks.network_latency import in_turn
from napari_medkd.inference.runtimes.torch import TorchRuntime
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target
from napari_medkd.models.catalogue import entry
from napari_medkd.models.export import example_inputs
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from src_training.counting import count
from src_training.recipes.kd_sam import KdSamConfig
from src_training.recipes.kd_sam_student import student_card
from src_training.recipes.ts_kd import TsKdConfig
from src_training.recipes.ts_kd_stages import student_architecture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_medkd.models.promptable import PromptableModel


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the table: what it is called, its card, and what its paper says of it."""

    name: str
    card: ModelCard
    paper: str = ""
    timed: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Count and time every network, and write a report."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for network in networks():
        found[network.name] = {"input": network.card.preprocessing.size, "paper": network.paper}
        found[network.name].update(_counted(network.card))
        sys.stdout.write(f"{network.name}: {found[network.name]}\n")
        sys.stdout.flush()
    for name, figures in _timed([one for one in networks() if one.timed], options.repeats).items():
        found[name].update(figures)
    report = {"machine": measuring.machine(), "threads": 1, "repeats": options.repeats, "networks": found}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def networks() -> Iterator[Network]:
    """Yield every student with the recipe's own settings, what is shipped, and the teachers."""
    for size in (512, 256):
        card = student_card(KdSamConfig(size=size))
        yield Network(f"KD-SAM, ResNet-50, {size}", card, "26.4 M")
    ts_kd = TsKdConfig()
    yield Network("TS-KD, ViT-Tiny", _automatic(ts_kd))
    for number in range(3):
        said = "662 images/s, A100" if number == 0 else ""
        yield Network(f"EfficientMedSAM-{number}, its stage table", _of_stage_table(f"l{number}"), said)
    for name in ("medkd-fast", "medkd-nano", "medkd-volume", "medkd-auto"):
        yield Network(name, ModelStore().get(name))
    yield Network("LiteMedSAM", entry("litemedsam").card)
    yield Network("SAM ViT-B", entry("sam-vit-b").card, timed=False)


def _automatic(config: TsKdConfig) -> ModelCard:
    return ModelCard(
        id="ts-kd",
        title="TS-KD",
        architecture=student_architecture(config, classes=1),
        preprocessing=Preprocessing(size=config.size),
        capabilities=frozenset({"auto"}),
        targets=(Target(name="object"),),
    )


def _of_stage_table(size: str) -> ModelCard:
    side = 512
    return ModelCard(
        id=f"efficient-medsam-{size}",
        title="EfficientMedSAM",
        architecture=Architecture(encoder="searched", encoder_options={"size": size}, grid=side // 8),
        preprocessing=Preprocessing(size=side),
        capabilities=frozenset({"box", "point"}),
    )


def _counted(card: ModelCard) -> dict[str, float]:
    """Count a network that is never filled: no memory, no time."""
    with torch.device("meta"):
        return count(build_model(card.architecture, card.preprocessing), card)


def _timed(chosen: Sequence[Network], repeats: int) -> dict[str, Any]:
    """Time all networks in turn, so that what else the machine does hits all alike."""
    actions: dict[str, Callable[[], object]] = {}
    for network in chosen:
        model = build_model(network.card.architecture, network.card.preprocessing)
        actions.update(_actions(network, model))
    for action in actions.values():
        action()
    taken = in_turn(actions, repeats)
    return {
        network.name: {
            f"{part}_cpu_s": measuring.summary(taken[f"{network.name}: {part}"][1])
            for part in ("encode", "answer")
        }
        for network in chosen
    }


def _actions(network: Network, model: PromptableModel) -> dict[str, Callable[[], object]]:
    runtime = TorchRuntime(model, threads=1)
    image, coordinates, labels, *_ = example_inputs(network.card)
    box = coordinates[:, :2], labels[:, :2]
    features = runtime.encode(image)
    return {
        f"{network.name}: encode": lambda: runtime.encode(image),
        f"{network.name}: answer": lambda: runtime.decode(features, *box, None),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network_costs", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="report to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
