"""What a batch must stand: thousands of images and a kill, every file there is, a very large picture."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from benchmarks.batch_inputs import config_for, copies
from napari_medkd import batch, runs
from napari_medkd.batch.ledger import read_rows
from napari_medkd.runs.process import RunProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_medkd.batch.config import BatchConfig

Figures = dict[str, Any]
_FROM = 500  # images after which memory should be flat
_LARGE = 20_000
_MB = 2**20


def many(model: str, pictures: Path, count: int, folder: Path, device: str) -> Figures:
    """Do `count` copies of some pictures, kill the batch at half, and give the same command again."""
    config = config_for(model, copies(pictures, folder / "images", count), folder, device=device)
    target = Path(config.target)
    killed, memory = _until(config, lambda done: done >= count // 2)
    _kill(killed)
    done = sum(row.status == "done" for row in read_rows(target))
    masks = len(list(target.rglob("*.png")))
    resumed, more = _until(config, lambda done: False)
    return {
        "model": model,
        "images": count,
        "done_when_killed": done,
        "in_hand_when_killed": masks - done,
        "status": resumed.status,
        "rows": dict(Counter(row.status for row in read_rows(target))),
        "unfinished_files": sum(path.is_file() for path in target.rglob(".*")),
        "first_run": _flat(memory),
        "second_run": _flat(more),
    }


def everything(model: str, data: Path, folder: Path, device: str) -> Figures:
    """Do every file below a folder in one run."""
    config = config_for(model, data, folder, device=device)
    start = time.monotonic()
    handle, _ = _until(config, lambda done: False)
    rows = [row for row in read_rows(Path(config.target)) if row.run == handle.id]
    return {
        "model": model,
        "status": handle.status,
        "seconds": time.monotonic() - start,
        "rows": dict(Counter(row.status for row in rows)),
        "without_reason": sum(not row.reason for row in rows if row.status != "done"),
        "faults": sum("inside the program" in row.reason for row in rows),
    }


def large(model: str, folder: Path, device: str) -> Figures:
    """Do one picture of 20,000 × 20,000 pixels and watch the memory of the processes."""
    import tifffile

    (folder / "images").mkdir(parents=True)
    places = np.arange(_LARGE, dtype=np.uint16) // 500
    picture = np.bitwise_xor.outer(places, places).astype(np.uint8) % 2 * 200
    tifffile.imwrite(folder / "images" / "large.tif", picture, photometric="minisblack")
    del picture
    config = config_for(model, folder / "images", folder, workers=1, device=device)
    start = time.monotonic()
    handle, memory = _until(config, lambda done: False, seconds=0.05)
    used = [one["bytes"] for one in memory]
    (row,) = read_rows(Path(config.target))
    return {
        "model": model,
        "side": _LARGE,
        "status": handle.status,
        "row": row.status,
        "reason": row.reason,
        "seconds": time.monotonic() - start,
        "image_seconds": row.seconds,
        "start_mb": float(np.median(used[: max(1, len(used) // 20)])) / _MB,
        "peak_mb": max(used) / _MB,
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


def _kill(handle: runs.RunHandle) -> None:
    """Kill the process of a batch as kill -9 does, and wait until those that it started have noticed."""
    parent = psutil.Process(_pid(handle))
    children = parent.children(recursive=True)
    parent.kill()
    psutil.wait_procs([parent, *children], timeout=60)


def _flat(memory: Sequence[dict[str, int]]) -> Figures:
    """Say how memory went from the 500th image on."""
    used = [one["bytes"] for one in memory if one["done"] >= _FROM and one["bytes"]]
    if not used:
        return {}
    tenth = len(used) // 10 + 1
    first, last = float(np.median(used[:tenth])), float(np.median(used[-tenth:]))
    return {
        "from_mb": first / _MB,
        "to_mb": last / _MB,
        "most_mb": max(used) / _MB,
        "change": last / first - 1,
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
