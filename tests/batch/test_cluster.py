"""A cluster of Dask on this computer: real schedulers and workers, one of which is killed on purpose."""

import os
import signal

import numpy as np
import pytest

from napari_medkd.batch.item import Job, segment_item
from napari_medkd.batch.loading import load
from napari_medkd.batch.plan import make_plan
from napari_medkd.errors import InvalidSetting, ModelUnavailable
from tests.batch.made import pixels, square

distributed = pytest.importorskip("distributed")
cluster = pytest.importorskip("napari_medkd.batch.cluster")

pytestmark = [
    pytest.mark.slow,
    # What dask's own processes and sockets leave to the collector is not ours to close.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two workers whose models are elsewhere, as on other computers; all tests share them."""
    home = {"MEDKD_HOME": str(tmp_path_factory.mktemp("no models"))}
    one = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, silence_logs=50, env=home, **cluster.WITHOUT_DASHBOARD
    )
    yield one
    one.close()


def never():
    return False


def run(executor, items):
    try:
        return list(executor.run(items, never))
    finally:
        executor.close()


def told(rows):
    """Return rows in the order of the plan, without how long they took."""
    return sorted(row.model_dump_json(exclude={"seconds", "read_seconds"}) for row in rows)


def pictures(images, save, count):
    for number in range(count):
        save(images / f"{number:02}.png", square(top=number % 40))
    (images / "broken.png").write_bytes(b"no picture")


def test_the_results_are_those_of_this_computer_alone(installed, images, save, config, tmp_path, two):
    pictures(images, save, 6)
    here, there = config(measure=True), config(measure=True, target=str(tmp_path / "there"))
    items = make_plan(here, "p", "run", None).items
    job = Job(here, "run", 1)
    segmenter = load(job)
    alone = [segment_item(item, job, segmenter) for item in items]
    words = []
    on_cluster = run(
        cluster.ClusterExecutor(
            Job(there, "run", 1), two.scheduler_address, 0, lambda *said: words.append(said)
        ),
        items,
    )
    assert told(on_cluster) == told(alone) and len(alone) == 7
    assert words == [("ONNX Runtime, CPU, 1 threads", "")]
    for item in items:
        if item.name != "broken.png":
            one, other = (pixels(tmp_path / place / item.output) for place in ("masks", "there"))
            assert np.array_equal(one, other)


def test_what_a_killed_worker_had_in_hand_is_done_by_others(installed, images, save, config, two):
    pictures(images, save, 20)
    wanted = config()
    items = make_plan(wanted, "p", "run", None).items
    executor = cluster.ClusterExecutor(Job(wanted, "run", 1), two.scheduler_address, 0, lambda *words: None)
    found = executor.run(items, never)
    rows = [next(found)]
    with distributed.Client(two.scheduler_address, set_as_default=False) as client:
        pid = next(iter(client.run(os.getpid).values()))
    os.kill(pid, signal.SIGKILL)
    rows += found
    executor.close()
    assert sorted(row.name for row in rows) == sorted(item.name for item in items)
    assert {row.name for row in rows if row.status != "done"} == {"broken.png"}


def test_a_cluster_of_our_own_is_started_and_ended(installed, images, save, config):
    save(images / "a.png")
    wanted = config()
    items = make_plan(wanted, "p", "run", None).items
    executor = cluster.ClusterExecutor(Job(wanted, "run", 1), "local", 1, lambda *words: None)
    assert [row.status for row in run(executor, items)] == ["done"]


def test_a_scheduler_that_is_not_there_is_a_sentence(config, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.5)
    with pytest.raises(InvalidSetting, match="cannot be reached"):
        cluster.ClusterExecutor(Job(config(), "run", 1), "tcp://127.0.0.1:9", 0, lambda *words: None)


def test_a_model_that_is_not_there_ends_all(images, save, config, two):
    save(images / "a.png")
    items = make_plan(config(), "p", "run", None).items
    job = Job(config(model="nonesuch"), "run", 1)
    executor = cluster.ClusterExecutor(job, two.scheduler_address, 0, lambda *words: None)
    with pytest.raises(ModelUnavailable, match="nonesuch"):
        run(executor, items)
