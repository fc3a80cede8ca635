"""A folder at once: images a second beside the bare model, memory over thousands of images, a kill half-way.

``python -m benchmarks.batch --images DIR --model ID --json OUT`` measures what is named by ``--what``:

- ``rate``: the whole batch beside a bare loop over the model on images that are in memory already;
- ``cost``: the same in seconds of a processor, one thread: what others compute meanwhile matters less;
- ``workers``: one process with all cores as threads beside a process a core;
- ``many``: ``--count`` copies of the images; memory from the 500th on, kill -9 at half, and the resume;
- ``everything``: every file below DIR in one run;
- ``large``: a picture of 20,000 × 20,000 pixels, and what memory it takes over the start.

A model that needs boxes gets one in the middle of every image.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from benchmarks.measuring import machine
from napari_medkd import batch, runs
from napari_medkd.batch import run as running
from napari_medkd.batch.answer import by_itself, with_boxes
from napari_medkd.batch.boxes import read_boxes
from napari_medkd.batch.item import Job, segment_item
from napari_medkd.batch.ledger import read_rows
from napari_medkd.batch.loading import load
from napari_medkd.batch.plan import make_plan
from napari_medkd.batch.scan import scan
from napari_medkd.errors import MedkdError
from napari_medkd.io import read_series, read_volume
from napari_medkd.models.store import ModelStore
from napari_medkd.runs.process import RunProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_medkd.batch.config import BatchConfig

Figures = dict[str, Any]
_FROM = 500  # images after which memory should be flat
_LARGE = 20_000
_MB = 2**20


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the report."""
    options = _parser().parse_args(arguments)
    figures: Figures = {"machine": machine(), "model": options.model}
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        for name in options.what:
            figures[name] = _WHAT[name](options, Path(scratch) / name)
            sys.stdout.write(f"{name}: {json.dumps(figures[name])}\n")
            sys.stdout.flush()
            if options.json:
                options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def rate(options: argparse.Namespace, folder: Path) -> Figures:
    """Compare the batch with the bare model."""
    config = _config(options, folder, _copies(options.images, folder / "images", options.limit))
    bare = _bare(config)
    figures = _timed(config)
    return {"bare_images_per_second": bare, **figures, "share": figures["images_per_second"] / bare}


def cost(options: argparse.Namespace, folder: Path) -> Figures:
    """Compare what the bare model and a whole item of the batch take of a processor, image by image."""
    config = _config(options, folder, _copies(options.images, folder / "images", options.limit))
    boxes = read_boxes(Path(config.prompts)) if config.prompts else None
    job = Job(config, "cost", 1)
    segmenter = load(job)
    bare, whole = [], []
    for item in make_plan(config, "cost", "cost", boxes).items:
        volume = _read([Path(file) for file in item.files])
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


def workers(options: argparse.Namespace, folder: Path) -> Figures:
    """Compare one process with a process a core."""
    images = _copies(options.images, folder / "images", options.limit)
    cores = running.default_workers("cpu")[0]
    return {
        f"{count} × {max(1, cores // count)} threads": _timed(
            _config(options, folder / str(count), images, workers=count)
        )
        for count in (1, cores)
    }


def many(options: argparse.Namespace, folder: Path) -> Figures:
    """Do thousands of images, kill the batch at half, and go on."""
    images = _copies(options.images, folder / "images", options.count)
    config = _config(options, folder, images)
    killed, memory = _until(config, lambda done: done >= options.count // 2)
    parent = psutil.Process(_pid(killed))
    children = parent.children(recursive=True)
    parent.kill()
    psutil.wait_procs([parent, *children], timeout=60)
    done = sum(row.status == "done" for row in read_rows(Path(config.target)))
    lost = len(list(Path(config.target).rglob("*.png"))) - done
    resumed, more = _until(config, lambda done: False)
    rows = Counter(row.status for row in read_rows(Path(config.target)))
    return {
        "images": options.count,
        "done_when_killed": done,
        "in_hand_when_killed": lost,
        "status": resumed.status,
        "rows": dict(rows),
        "unfinished_files": len([path for path in Path(config.target).rglob(".*") if path.is_file()]),
        "first_run": _flat(memory),
        "second_run": _flat(more),
    }


def everything(options: argparse.Namespace, folder: Path) -> Figures:
    """Do all files below a folder in one run."""
    config = _config(options, folder, options.images)
    handle, _ = _until(config, lambda done: False)
    rows = [row for row in read_rows(Path(config.target)) if row.run == handle.id]
    reasons = Counter(row.reason.partition(":")[0] for row in rows if "inside the program" in row.reason)
    return {
        "status": handle.status,
        "rows": dict(Counter(row.status for row in rows)),
        "without_reason": sum(not row.reason for row in rows if row.status != "done"),
        "faults": dict(reasons),
    }


def large(options: argparse.Namespace, folder: Path) -> Figures:
    """Do one very large picture and watch the memory."""
    import tifffile

    (folder / "images").mkdir(parents=True)
    rows = np.arange(_LARGE, dtype=np.uint32)[:, np.newaxis]
    picture = ((rows // 500 + rows.T // 500) % 2 * 200).astype(np.uint8)
    tifffile.imwrite(folder / "images" / "large.tif", picture, photometric="minisblack")
    del picture, rows
    config = _config(options, folder, folder / "images", workers=1)
    start = time.monotonic()
    handle, memory = _until(config, lambda done: False, seconds=0.05)
    used = [one["bytes"] for one in memory]
    (row,) = read_rows(Path(config.target))
    return {
        "status": handle.status,
        "row": row.status,
        "reason": row.reason,
        "seconds": time.monotonic() - start,
        "start_mb": _before_reading(used) / _MB,
        "peak_mb": max(used) / _MB,
    }


def _before_reading(used: Sequence[int]) -> int:
    """Return the memory of the processes once the model was loaded: the median of the first plateau."""
    quarter = used[: max(1, len(used) // 20)]
    return int(np.median(quarter))


def _bare(config: BatchConfig) -> float:
    """Return images a second of the model alone, with all cores, on images in memory."""
    segmenter = load(Job(config, "bare", 0))
    boxes = read_boxes(Path(config.prompts)) if config.prompts else {}
    volumes = [(source.name, _read(source.files)) for source in scan(Path(config.source)).sources]

    def ask() -> None:
        for name, volume in volumes:
            _answer(volume, segmenter, boxes.get(name, ()), config)

    ask()
    start = time.perf_counter()
    ask()
    seconds = time.perf_counter() - start
    segmenter.close()
    return len(volumes) / seconds


def _answer(volume: Any, segmenter: Any, boxes: Sequence[Any], config: BatchConfig) -> None:
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


def _until(
    config: BatchConfig, reached: Callable[[int], bool], seconds: float = 1.0
) -> tuple[runs.RunHandle, list[dict[str, int]]]:
    """Run a batch until so many images are done, or it ends; return what memory its processes had when."""
    handle, done, memory = batch.start(config), 0, []
    while handle.status == "running" and not reached(done):
        done += sum(isinstance(event, runs.ItemDone) for event in handle.poll())
        memory.append({"done": done, "bytes": _memory(_pid(handle))})
        time.sleep(seconds)
    return handle, memory


def _flat(memory: Sequence[dict[str, int]]) -> Figures:
    """Say how memory went from the 500th image on."""
    used = [one["bytes"] for one in memory if one["done"] >= _FROM and one["bytes"]]
    if not used:
        return {}
    first, last = np.median(used[: len(used) // 10 + 1]), np.median(used[-len(used) // 10 - 1 :])
    return {
        "from_mb": first / _MB,
        "to_mb": last / _MB,
        "most_mb": max(used) / _MB,
        "change": float(last / first - 1),
    }


def _memory(pid: int) -> int:
    """Return the bytes that a process and its children have for themselves."""
    try:
        parent = psutil.Process(pid)
        return sum(one.memory_full_info().uss for one in (parent, *parent.children(recursive=True)))
    except psutil.Error:
        return 0


def _pid(handle: runs.RunHandle) -> int:
    process = RunProcess.load(handle.folder)
    assert process is not None
    return process.pid


def _copies(source: Path, folder: Path, count: int) -> Path:
    """Put `count` images of a folder into another, again and again the same ones where it has fewer."""
    files = [path for path in sorted(source.rglob("*")) if path.suffix in (".png", ".jpg")]
    folder.mkdir(parents=True)
    for number in range(count):
        path = files[number % len(files)]
        shutil.copy(path, folder / f"{number:06}{path.suffix}")
    return folder


def _config(options: argparse.Namespace, folder: Path, images: Path, **more: Any) -> BatchConfig:
    folder.mkdir(parents=True, exist_ok=True)
    prompts = ""
    if "auto" not in ModelStore().get(options.model).capabilities:
        prompts = str(folder / "boxes.csv")
        Path(prompts).write_text("\n".join(_boxes(images)) + "\n", encoding="utf-8")
    return batch.BatchConfig(
        source=str(images.absolute()),
        target=str(folder.absolute() / "masks"),
        model=options.model,
        prompts=prompts,
        device=options.device,
        **more,
    )


def _boxes(images: Path) -> Iterator[str]:
    """Yield a table with a box in the middle of each image; of one that cannot be read, some box."""
    yield "image,x0,y0,x1,y1,slice"
    for source in scan(images).sources:
        try:
            depth, rows, columns = _read(source.files).shape
        except MedkdError:
            depth, rows, columns = 1, 64, 64
        box = f"{columns * 0.25},{rows * 0.25},{columns * 0.75 + 2},{rows * 0.75 + 2}"
        yield f'"{source.name}",{box},{depth // 2 if depth > 1 else ""}'


def _read(files: Sequence[Path]) -> Any:
    return read_volume(files[0]) if len(files) == 1 else read_series(files)


_WHAT: dict[str, Callable[[argparse.Namespace, Path], Figures]] = {
    "rate": rate,
    "cost": cost,
    "workers": workers,
    "many": many,
    "everything": everything,
    "large": large,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--model", required=True, help="installed model")
    parser.add_argument("--what", nargs="*", choices=list(_WHAT), default=["rate", "workers"])
    parser.add_argument("--limit", type=int, default=100, help="images for rate and workers")
    parser.add_argument("--count", type=int, default=5000, help="images for many")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scratch", type=Path, help="folder for what is written meanwhile")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser


if __name__ == "__main__":
    sys.exit(main())
