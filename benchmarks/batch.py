"""A folder at once beside the bare model; thousands of images and a kill half-way; a huge picture.

``python -m benchmarks.batch --data DATA --what NAME … --json OUT`` measures, with ``--keep`` beside what OUT
holds already:

- ``rate``: images a second of a whole batch beside a bare loop over the model on images in memory;
- ``cost``: the same in seconds of a processor, one thread: what others compute meanwhile matters less;
- ``workers``: one process with all cores as threads beside a process a core;
- ``many``: ``--count`` copies of small images; memory from the 500th on, kill -9 at half, and the rest;
- ``everything``: every file below DATA in one run;
- ``large``: a picture of 20,000 × 20,000 pixels, and what memory it takes over the start.

The first three are measured with each of ``--models``, the others with the first. A model that needs boxes
gets one in the middle of every image; ``large`` is seen in tiles by a model that works by itself only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.batch_inputs import config_for, copies, read
from benchmarks.batch_loads import everything, large, many
from benchmarks.measuring import machine
from napari_medkd import batch, runs
from napari_medkd.batch import run as running
from napari_medkd.batch.answer import by_itself, with_boxes
from napari_medkd.batch.boxes import read_boxes
from napari_medkd.batch.item import Job, segment_item
from napari_medkd.batch.loading import load
from napari_medkd.batch.plan import make_plan
from napari_medkd.batch.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_medkd.batch.config import BatchConfig
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter

Figures = dict[str, Any]
_SET, _SMALL_SET = "busi", "dsb2018"  # what rates and thousands of images are measured with
_LOADS = ("many", "everything", "large")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print a line for each and write them."""
    options = _parser().parse_args(arguments)
    report: Figures = {}
    if options.keep and options.json and options.json.exists():
        report = json.loads(options.json.read_text(encoding="utf-8"))
    report |= {"machine": machine(), "device": options.device}
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        for name in options.what:
            for model in options.models[:1] if name in _LOADS else options.models:
                figures = _measure(name, model, options, Path(scratch) / name / model)
                place = report if name in _LOADS else report.setdefault("models", {}).setdefault(model, {})
                place[name] = figures
                sys.stdout.write(f"{name}, {model}: {json.dumps(figures)}\n")
                sys.stdout.flush()
                if options.json:
                    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _measure(name: str, model: str, options: argparse.Namespace, folder: Path) -> Figures:
    device = options.device
    if name == "many":
        return many(model, options.data / _SMALL_SET / "images", options.count, folder, device)
    if name == "everything":
        return everything(model, options.data, folder, device)
    if name == "large":
        return large(model, folder, device)
    images = copies(options.data / _SET / "images", folder / "images", options.limit)
    return _RATES[name](config_for(model, images, folder, device=device))


def rate(config: BatchConfig) -> Figures:
    """Compare the batch with the bare model."""
    bare = _bare(config)
    figures = _timed(config)
    return {"bare_images_per_second": bare, **figures, "share": figures["images_per_second"] / bare}


def cost(config: BatchConfig) -> Figures:
    """Compare what the bare model and a whole item of the batch take of a processor, image by image."""
    boxes = read_boxes(Path(config.prompts)) if config.prompts else None
    job = Job(config, "cost", 1)
    segmenter = load(job)
    bare, whole = [], []
    for item in make_plan(config, "cost", "cost", boxes).items:
        volume = read(item.files)
        segment_item(item, job, segmenter)  # whatever is made once is made before
        start = time.process_time()
        _answer(volume, segmenter, item.boxes, config)
        middle = time.process_time()
        segment_item(item, job, segmenter)
        bare.append(middle - start)
        whole.append(time.process_time() - middle)
    segmenter.close()
    model, all_ = float(np.median(bare)), float(np.median(whole))
    return {"images": len(bare), "model_seconds": model, "batch_seconds": all_, "share": model / all_}


def workers(config: BatchConfig) -> Figures:
    """Compare one process with a process a core."""
    cores = running.default_workers("cpu")[0]
    target = Path(config.target)
    return {
        f"{count} × {max(1, cores // count)}": _timed(
            config.model_copy(update={"workers": count, "target": str(target.with_name(f"masks-{count}"))})
        )
        for count in (1, cores)
    }


def _bare(config: BatchConfig) -> float:
    """Return images a second of the model alone, with all cores, on images in memory."""
    segmenter = load(Job(config, "bare", 0))
    boxes = read_boxes(Path(config.prompts)) if config.prompts else {}
    volumes = [(source.name, read(source.files)) for source in scan(Path(config.source)).sources]

    def ask() -> None:
        for name, volume in volumes:
            _answer(volume, segmenter, boxes.get(name, ()), config)

    ask()
    start = time.perf_counter()
    ask()
    seconds = time.perf_counter() - start
    segmenter.close()
    return len(volumes) / seconds


def _answer(volume: Volume, segmenter: Segmenter, boxes: Sequence[Any], config: BatchConfig) -> None:
    if boxes:
        with_boxes(volume, segmenter, boxes, 0, config.tile)
    else:
        by_itself(volume, segmenter, config)


def _timed(config: BatchConfig) -> Figures:
    """Run a batch; return its rate from the first image on, and with the start of its processes."""
    handle = batch.start(config)
    assert handle.wait() == "finished", handle.log_tail()
    events = handle.poll()
    done = [event.t for event in events if isinstance(event, runs.ItemDone)]
    last = events[-1]
    assert isinstance(last, runs.Finished)
    return {
        "images": len(done),
        "images_per_second": (len(done) - 1) / (done[-1] - done[0]),
        "images_per_second_with_start": last.summary["images_per_second"],
    }


_RATES: dict[str, Callable[[BatchConfig], Figures]] = {"rate": rate, "cost": cost, "workers": workers}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of sets of images")
    parser.add_argument("--models", nargs="+", default=["medkd-fast", "medkd-nano"], help="installed models")
    parser.add_argument("--what", nargs="+", choices=[*_RATES, *_LOADS], default=["rate", "workers"])
    parser.add_argument("--limit", type=int, default=200, help="images for rate, cost and workers")
    parser.add_argument("--count", type=int, default=5000, help="images for many")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scratch", type=Path, help="folder for what is written meanwhile")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--keep", action="store_true", help="keep the other figures of that file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
