"""A Dask cluster, on this computer or many: the same items, the same rows, as they are done.

Only paths travel, so images and masks must be in a place that every worker sees under the same path. The
model travels once to each worker, where it has none of the same digests.
"""

from __future__ import annotations

import queue
import threading
import uuid
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medkd.batch.item import Job, segment_item
from napari_medkd.batch.loading import load
from napari_medkd.batch.row import Row
from napari_medkd.errors import InvalidSetting, MedkdError, RunFailed, missing_extra
from napari_medkd.models.store import ModelStore

try:
    from distributed import Client, Future, KilledWorker, LocalCluster, WorkerPlugin, get_worker
except ModuleNotFoundError as error:
    raise missing_extra(str(error.name), "cluster", "Working on a cluster") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_medkd.batch.plan import Item
    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.models.card import ModelCard

LOCAL = "local"
# Without an address dask takes its one known port, and complains where a second cluster runs beside it.
WITHOUT_DASHBOARD: dict[str, Any] = {
    "dashboard_address": "127.0.0.1:0",
    "scheduler_kwargs": {"dashboard": False},
}
_WAITING = 2  # items a thread of a worker has at hand: one in work, one to go on with
_CONNECT_SECONDS, _WORKER_SECONDS, _LOOK_SECONDS = 30, 300, 1.0
_loading = threading.Lock()


class ModelOnWorkers(WorkerPlugin):  # type: ignore[misc]
    """Puts a model onto every worker, those that come later included, and keeps it loaded there.

    Parameters
    ----------
    job : Job
        What is the same for every item.
    card : ModelCard
        The model.
    files : dict
        Its files, for workers that lack them; empty where all have them.
    """

    def __init__(self, job: Job, card: ModelCard, files: dict[str, bytes]) -> None:
        self.job = job
        self.card = card
        self.files = files
        self._segmenter: Segmenter | None = None

    def setup(self, worker: Any) -> None:
        """Write the model beside the worker's own files, where it is lacking."""
        self._folder = Path(worker.local_directory) / "medkd-models"
        if self.files and lacks(self.card) and lacks(self.card, self._folder):
            staging = self._folder / f".{uuid.uuid4().hex}"
            staging.mkdir(parents=True)
            for name, content in self.files.items():
                (staging / name).write_bytes(content)
            ModelStore(self._folder).install(self.card, {name: staging / name for name in self.files})
        self.files = {}

    def teardown(self, worker: Any) -> None:
        """Let go of the model."""
        if self._segmenter is not None:
            self._segmenter.close()
            self._segmenter = None

    def segmenter(self) -> Segmenter:
        """Return the model, loaded by the first item that needs it."""
        with _loading:
            if self._segmenter is None:
                store = ModelStore(self._folder) if not lacks(self.card, self._folder) else None
                self._segmenter = load(self.job, store)
            return self._segmenter


class ClusterExecutor:
    """Runs items on the workers of a Dask scheduler.

    Parameters
    ----------
    job : Job
        What is the same for every item.
    address : str
        Of the scheduler, ``tcp://host:8786``; ``local`` starts workers on this computer.
    workers : int
        How many of those; 0 takes one a core.
    tell : callable
        Called once with what runs the model, and with the sentence why it runs otherwise than was wanted.

    Raises
    ------
    InvalidSetting, RunFailed
        The scheduler cannot be reached, or has no workers.
    """

    def __init__(self, job: Job, address: str, workers: int, tell: Callable[[str, str], None]) -> None:
        self._job = job
        self._tell = tell
        self._told = self._given = False
        self._cluster = None
        if address == LOCAL:
            self._cluster = LocalCluster(
                n_workers=workers or None, threads_per_worker=1, silence_logs=50, **WITHOUT_DASHBOARD
            )
        self._client = _connect(self._cluster or address, address)
        self._plugin = f"medkd-{uuid.uuid4().hex}"  # others may use the same scheduler
        self._done: queue.SimpleQueue[Future] = queue.SimpleQueue()

    def run(self, items: Iterable[Item], is_stopped: Callable[[], bool]) -> Iterator[Row]:
        """Yield the row of each item as it is done; once stopped, only of those that were handed out.

        Raises
        ------
        MedkdError
            What no other image would survive: a model that cannot be loaded, a full disk, a lost scheduler.
        """
        waiting = deque(items)
        handed: dict[str, tuple[Future, Item]] = {}  # a future that nobody holds is forgotten
        if waiting:
            self._give_model()
        while handed or (waiting and not is_stopped()):
            room = 0 if is_stopped() else self._threads() * _WAITING - len(handed)
            for _ in range(min(room, len(waiting))):
                item = waiting.popleft()
                future = self._submit(item)
                handed[future.key] = future, item
            for future in self._finished():
                yield self._row(future, handed.pop(future.key)[1])
                future.release()

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        if self._given and self._client.status == "running":
            self._client.unregister_worker_plugin(self._plugin)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _give_model(self) -> None:
        card, store = ModelStore().get(self._job.config.model), ModelStore()
        files = {}
        if any(self._client.run(lacks, card).values()):
            files = {name: path.read_bytes() for name, path in store.files(card.id).items()}
        self._client.register_plugin(ModelOnWorkers(self._job, card, files), name=self._plugin)
        self._given = True

    def _threads(self) -> int:
        """Return how many items the cluster does at once; it may grow and shrink."""
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    def _submit(self, item: Item) -> Future:
        # Another run may have the same items: the key is this run's alone.
        future = self._client.submit(
            _on_worker, item, self._plugin, key=f"medkd-{uuid.uuid4().hex}", pure=False
        )
        future.add_done_callback(self._done.put)
        return future

    def _finished(self) -> list[Future]:
        """Wait for futures that are done, a second at most."""
        try:
            found = [self._done.get(timeout=_LOOK_SECONDS)]
        except queue.Empty:
            if self._client.status not in ("running", "connecting"):
                raise _lost_scheduler() from None
            return []
        while not self._done.empty():
            found.append(self._done.get())
        return found

    def _row(self, future: Future, item: Item) -> Row:
        """Return the row of a future; an item whose workers died, again and again, is a row too."""
        if future.cancelled():
            raise _lost_scheduler()
        error = future.exception()
        if error is None:
            row, runtime, fallback = future.result()
            if not self._told:
                self._told = True
                self._tell(runtime, fallback)
            return Row.model_validate_json(row)
        if isinstance(error, MedkdError):
            raise error
        if isinstance(error, KilledWorker):
            reason, hint = (
                "The workers that tried it died, one after the other.",
                "It may be too large for their memory: give them more.",
            )
        else:
            reason, hint = f"The cluster failed: {type(error).__name__}.", "See the log of the worker."
        return Row(
            name=item.name, key=item.key, run=self._job.run, status="failed", reason=reason, hint=hint,
            output=item.output, model=self._job.config.model,
        )  # fmt: skip


def lacks(card: ModelCard, folder: Path | None = None) -> bool:
    """Tell whether this computer's models, or those of `folder`, lack one or have another under its name."""
    store = ModelStore(folder) if folder is not None else ModelStore()
    try:
        found = store.get(card.id)
        return found.files != card.files or store.files(card.id).keys() < card.files.keys()
    except MedkdError:
        return True


def _on_worker(item: Item, plugin_name: str) -> tuple[str, str, str]:
    """Do an item on a worker: its row as JSON, what runs the model, and why it runs so."""
    plugin = get_worker().plugins[plugin_name]
    segmenter = plugin.segmenter()
    row = segment_item(item, plugin.job, segmenter)
    return row.model_dump_json(), segmenter.runtime_name, segmenter.fallback


def _connect(place: Any, address: str) -> Client:
    try:
        client = Client(place, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"The scheduler {address} cannot be reached.",
            "Start it with: dask scheduler, or give --cluster local for this computer alone.",
        ) from error
    try:
        client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except TimeoutError as error:
        client.close()
        raise RunFailed(
            f"The scheduler {address} has no workers after {_WORKER_SECONDS} s.",
            "Start some with: dask worker ADDRESS --nthreads 1, then give the same command again.",
        ) from error
    return client


def _lost_scheduler() -> RunFailed:
    return RunFailed(
        "The connection to the scheduler is lost.", "Start it again, then give the same command again."
    )
