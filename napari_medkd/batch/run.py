"""A batch from its orders to its report: the plan, the workers, and what is told while they work."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil
from pydantic import ValidationError

from napari_medkd import runs
from napari_medkd.batch import answer, outputs, report
from napari_medkd.batch.boxes import read_boxes
from napari_medkd.batch.config import BatchConfig
from napari_medkd.batch.item import Job
from napari_medkd.batch.ledger import Ledger
from napari_medkd.batch.plan import left_to_do, make_plan
from napari_medkd.batch.row import Row
from napari_medkd.batch.workers import LocalExecutor
from napari_medkd.errors import InvalidSetting
from napari_medkd.inference import kinds
from napari_medkd.inference.load import choose_device
from napari_medkd.models.store import ModelStore
from napari_medkd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_medkd.batch.plan import Item, Plan
    from napari_medkd.models.card import ModelCard
    from napari_medkd.runs import EventWriter, RunSpec

_LOOKING, _SEGMENTING = "look for images", "segment"
_TOLD_SECONDS = 0.25
_GPU_WORKERS = 16  # that read and write for one model, as far as there are cores
_WORKER_BYTES = 2 * 2**30


class Executor(Protocol):
    """Does items somewhere and yields their rows as they are done."""

    def run(self, items: Iterable[Item], is_stopped: Callable[[], bool]) -> Iterator[Row]:
        """Yield the row of each item; once stopped, only of those in hand."""
        ...

    def close(self) -> None:
        """Let go of whatever works for it."""
        ...


def run(folder: Path, writer: EventWriter) -> None:
    """Do what ``run.json`` asks for, or what is left of it.

    Raises
    ------
    MedkdError
        Where the batch as a whole cannot be done; a single image never is a reason.
    """
    config = config_of(runs.RunSpec.load(folder))
    card = check(config)
    with Ledger(Path(config.target)) as ledger:
        ledger.sweep()
        plan, todo = _plan(config, card, folder.name, ledger, writer)
        writer.write(runs.Stage(name=_SEGMENTING, index=1, count=2, steps=len(plan.items)))
        progress = _Progress(writer, len(plan.items), len(plan.items) - len(todo))
        executor = _executor(config, folder.name, len(todo), writer)
        try:
            numbers = {item.name: item.index for item in todo}
            for row in executor.run(todo, lambda: runs.stop_requested(folder)):
                ledger.append([row])
                progress.tell(row, numbers[row.name])
        finally:
            executor.close()
        figures = report.write(Path(config.target), ledger, plan, card.title)
        if not runs.stop_requested(folder):
            writer.write(runs.Finished(summary={**figures, **progress.figures()}))


def config_of(spec: RunSpec) -> BatchConfig:
    """Read the options of a run; what is wrong with them is an `InvalidSetting`."""
    try:
        return BatchConfig.model_validate(spec.options)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSetting(
            f"The option {'.'.join(map(str, first['loc']))} cannot be taken: {first['msg'].lower()}.",
            "See: medkd batch --help",
        ) from error


def check(config: BatchConfig) -> ModelCard:
    """Check what can be checked before any image is looked at; returns the card of the model.

    Raises
    ------
    ModelUnavailable, InvalidPrompt, InvalidSetting, UnknownName, UnreadableFile
        The model is not there, or cannot do what is asked; the boxes are no table; there is no such format.
    """
    card = ModelStore().get(config.model)
    answer.check_model(card, bool(config.prompts))
    if config.prompts:
        read_boxes(Path(config.prompts))
    else:
        kinds.check(config.modality, card)
    outputs.choose(config.format, "")
    source, target = Path(config.source).resolve(), Path(config.target).resolve()
    if source == target:
        raise InvalidSetting(
            f"The masks would be written among the images of {config.source}.",
            "Choose another folder for them.",
        )
    return card


def default_workers(device: str) -> tuple[int, int]:
    """Return how many processes to take, and threads in each.

    On a GPU the processes read and write, and share one that runs the model. On a CPU a process for each core
    with one thread each: a network divided among threads waits for the slowest, and while one process reads
    or writes, the others compute. Fewer where memory is short: each holds the model and an image. See
    ``benchmarks/batch.py``.
    """
    cores = _cores()
    if choose_device(device) != "cpu":
        return max(2, min(cores, _GPU_WORKERS)), 0
    workers = max(1, min(cores, psutil.virtual_memory().total // _WORKER_BYTES))
    return workers, cores // workers


def _plan(
    config: BatchConfig, card: ModelCard, run_id: str, ledger: Ledger, writer: EventWriter
) -> tuple[Plan, list[Item]]:
    """Look for images, and write down what is begun so that a later run knows it for its own."""
    writer.write(runs.Stage(name=_LOOKING, index=0, count=2, steps=0))
    boxes = read_boxes(Path(config.prompts)) if config.prompts else None
    last = 0.0

    def tell(count: int) -> None:
        nonlocal last
        if time.monotonic() - last > _TOLD_SECONDS:
            last = time.monotonic()
            writer.write(runs.Progress(stage=_LOOKING, step=count, total=0))

    plan = make_plan(config, config.plan_id(card), run_id, boxes, tell)
    for sentence, hint in plan.remarks:
        writer.write(runs.Warning(message=sentence, hint=hint))
    todo, left = left_to_do(plan, ledger.entries(), config, run_id)
    begun = [
        Row(name=item.name, key=item.key, run=run_id, status="begun", output=item.output) for item in todo
    ]
    ledger.append([*plan.skipped, *left, *begun])
    return plan, todo


def _executor(config: BatchConfig, run_id: str, count: int, writer: EventWriter) -> Executor:
    def tell(runtime: str, fallback: str) -> None:
        if fallback:
            writer.write(runs.Warning(message=fallback))

    if config.cluster and count:
        from napari_medkd.batch.cluster import ClusterExecutor

        return ClusterExecutor(Job(config, run_id, 1), config.cluster, config.workers, tell)
    device = config.device or Settings.load().device
    workers, threads = default_workers(device)
    if config.workers:
        workers, threads = config.workers, max(1, _cores() // config.workers) if threads else 0
    shared = choose_device(device) != "cpu"
    return LocalExecutor(Job(config, run_id, threads), min(workers, max(1, count)), tell, is_shared=shared)


def _cores() -> int:
    from napari_medkd.inference.runtimes.onnx import available_cores

    return available_cores()


class _Progress:
    """Tells events: each item, and now and then how far the batch has come and how long it will take."""

    def __init__(self, writer: EventWriter, total: int, earlier: int) -> None:
        self._writer = writer
        self._total = total
        self._earlier = earlier
        self._counts: Counter[str] = Counter()
        self._start = self._last = time.monotonic()
        writer.write(runs.Progress(stage=_SEGMENTING, step=earlier, total=total))

    def tell(self, row: Row, index: int) -> None:
        """Count an item and tell of it."""
        assert row.status != "begun"
        self._counts[row.status] += 1
        self._writer.write(runs.ItemDone(index=index, status=row.status, confidence=row.confidence))
        now, done = time.monotonic(), self._counts.total()
        left = self._total - self._earlier - done
        if now - self._last >= _TOLD_SECONDS or left == 0:
            self._last = now
            step = self._earlier + done
            rate = done / max(now - self._start, 1e-6)
            self._writer.write(runs.Metric(stage=_SEGMENTING, step=step, values={"images/s": rate}))
            self._writer.write(
                runs.Progress(stage=_SEGMENTING, step=step, total=self._total, seconds_left=left / rate)
            )

    def figures(self) -> dict[str, float]:
        """Return how quickly it went, without what was done before."""
        done, seconds = self._counts.total(), time.monotonic() - self._start
        return {"images_per_second": done / seconds if done else 0.0, "earlier": self._earlier}
