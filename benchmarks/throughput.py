"""Images a second through the encoders, by size of the batch, with the peak of memory.

``python -m benchmarks.throughput --models medkd-fast litemedsam --device cuda --json throughput.json`` runs
every network in torch on random images, on a GPU in bfloat16 and channels last, as a batch run does. On a
processor it runs in float32 and says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks import measuring
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.models.promptable import PromptableModel

_WARM_UP = 3
_LEAST_SECONDS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every model with every batch, print a line each and write them."""
    options = _parser().parse_args(arguments)
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    report: dict[str, Any] = {
        "machine": measuring.machine(),
        "device": name,
        "precision": "bfloat16" if device.type == "cuda" else "float32",
        "models": {},
    }
    for model_id in options.models:
        report["models"][model_id] = _model(ModelStore(), model_id, options.batches, device)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _model(store: ModelStore, model_id: str, batches: Sequence[int], device: torch.device) -> dict[str, Any]:
    model = store.build(model_id).eval().to(device)
    size = store.get(model_id).preprocessing.size
    found: dict[str, Any] = {"size": size, "batches": {}}
    for batch in batches:
        one = rate(model, size, batch, device)
        found["batches"][str(batch)] = one
        memory = f", {one['peak_mb']:.0f} MB" if "peak_mb" in one else ""
        sys.stdout.write(f"{model_id}, batch {batch}: {one['images_per_s']:.1f} images/s{memory}\n")
        sys.stdout.flush()
    return found


@torch.inference_mode()
def rate(model: PromptableModel, size: int, batch: int, device: torch.device) -> dict[str, float]:
    """Return ``images_per_s`` and, on a GPU, ``peak_mb`` of encoding (batch, 3, size, size)."""
    fast = device.type == "cuda"
    images = torch.rand(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
    if fast:
        model.to(memory_format=torch.channels_last)
        torch.cuda.reset_peak_memory_stats(device)
    with torch.autocast("cuda", torch.bfloat16) if fast else nullcontext():
        for _ in range(_WARM_UP if fast else 1):
            model.encode(images)
        _settle(device)
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < _LEAST_SECONDS or count < 2:
            model.encode(images)
            _settle(device)
            count += 1
    figures = {"images_per_s": round(count * batch / (time.perf_counter() - start), 2)}
    if fast:
        figures["peak_mb"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return figures


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["medkd-fast", "medkd-nano", "litemedsam"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path, help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
