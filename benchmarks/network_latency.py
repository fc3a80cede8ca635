"""The networks alone, one beside the other: what encoders and decoders cost, without images and windows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks import measuring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BASE = "litemedsam"  # what every other model is compared with


def measure(models: Sequence[str], repeats: int, threads: int) -> dict[str, Any]:
    """Encode and decode with every model in turn, so that what else the machine does hits all alike."""
    from napari_medkd.inference.load import open_runtime
    from napari_medkd.inference.runtimes.child import RuntimeChoice
    from napari_medkd.models.export import example_inputs
    from napari_medkd.models.store import ModelStore

    store = ModelStore()
    encoders: dict[str, Callable[[], object]] = {}
    decoders: dict[str, Callable[[], object]] = {}
    for model in models:
        runtime = open_runtime(RuntimeChoice(model, str(store.folder), "onnx", "cpu", threads), store)
        image, coordinates, labels, *_ = example_inputs(store.get(model))
        box = coordinates[:, :2], labels[:, :2]
        features = runtime.encode(image)
        encoders[model] = lambda runtime=runtime, image=image: runtime.encode(image)  # type: ignore[misc]
        decoders[model] = lambda runtime=runtime, features=features, box=box: runtime.decode(  # type: ignore[misc]
            features, *box, None
        )
    encoding, decoding = in_turn(encoders, max(3, repeats // 2)), in_turn(decoders, repeats)
    return {
        model: {
            "encode_s": measuring.summary(encoding[model][0]),
            "encode_cpu_s": measuring.summary(encoding[model][1]),
            "decode_s": measuring.summary(decoding[model][0]),
            "decode_cpu_s": measuring.summary(decoding[model][1]),
        }
        for model in models
    }


def ratios(networks: dict[str, Any]) -> dict[str, dict[str, float]]:
    """How many times faster each model is than `BASE`, by the processor's time at the same threads."""
    if BASE not in networks:
        return {}
    base = networks[BASE]
    return {
        model: {
            part: round(base[f"{part}_cpu_s"]["median"] / figures[f"{part}_cpu_s"]["median"], 1)
            for part in ("encode", "decode")
        }
        for model, figures in networks.items()
        if model != BASE
    }


def in_turn(
    actions: dict[str, Callable[[], object]], repeats: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Time every action once, then again, …: seconds by the clock and seconds of the processor."""
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            wall, processor = time.perf_counter(), time.process_time()
            action()
            taken[name][0].append(time.perf_counter() - wall)
            taken[name][1].append(time.process_time() - processor)
    return taken
