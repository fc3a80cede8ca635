"""Worker processes that are real: what they load is an exported model, what they die of is a signal."""

import os
import signal

import psutil
import pytest

from napari_medkd.batch.item import Job
from napari_medkd.batch.plan import make_plan
from napari_medkd.batch.workers import LocalExecutor
from napari_medkd.errors import ModelUnavailable, RunFailed


@pytest.fixture
def executor(config):
    """Start an executor on the images of the test; it is closed after it."""
    made = []

    def call(count=1, told=None, **more):
        wanted = config(**more)
        tell = (lambda *words: None) if told is None else (lambda *words: told.append(words))
        made.append(LocalExecutor(Job(wanted, "run", 1), count, tell))
        items = make_plan(wanted, "p", "run", None).items
        return made[-1], items

    yield call
    for one in made:
        one.close()


def never():
    return False


def children():
    return [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]


def test_items_are_done_and_what_runs_the_model_is_told_once(installed, images, save, executor, tmp_path):
    for number in range(5):
        save(images / f"{number}.png")
    told = []
    workers, items = executor(2, told)
    rows = {row.name: row.status for row in workers.run(items, never)}
    assert rows == {f"{number}.png": "done" for number in range(5)}
    assert told == [("ONNX Runtime, CPU, 1 threads", "")]
    assert len(list((tmp_path / "masks").glob("*.png"))) == 5
    workers.close()
    assert not children()


def test_an_image_whose_worker_is_killed_is_tried_again(installed, images, save, executor):
    for number in range(3):
        save(images / f"{number}.png")
    workers, items = executor(1)
    found = workers.run(items, never)
    first = next(found)
    (worker,) = children()
    os.kill(worker.pid, signal.SIGKILL)
    rows = [first, *found]
    assert sorted(row.name for row in rows) == ["0.png", "1.png", "2.png"]
    assert {row.status for row in rows} == {"done"}


def test_an_image_that_kills_every_worker_is_a_row(installed, images, save, executor, monkeypatch):
    save(images / "a.png")
    save(images / "deadly.png")
    workers, items = executor(1)
    # A worker is a process of its own that nothing here can be patched in: it is killed when it is given
    # the image.
    from napari_medkd.batch import workers as module

    send = module._send

    def deadly(pipe, message):
        if getattr(message, "name", "") == "deadly.png":
            for one in children():
                one.kill()
        send(pipe, message)

    monkeypatch.setattr(module, "_send", deadly)
    rows = {row.name: row for row in workers.run(items, never)}
    assert rows["a.png"].status == "done"
    assert rows["deadly.png"].status == "failed"
    assert "was ended by signal 9, twice" in rows["deadly.png"].reason


def test_once_stopped_nothing_more_is_begun(installed, images, save, executor):
    for number in range(4):
        save(images / f"{number}.png")
    workers, items = executor(1)
    rows = []
    for row in workers.run(items, lambda: bool(rows)):
        rows.append(row)
    assert len(rows) == 1


def test_a_model_that_cannot_be_loaded_ends_all(images, save, executor):
    save(images / "a.png")
    workers, items = executor(1, model="nonesuch")
    with pytest.raises(ModelUnavailable, match="nonesuch"):
        list(workers.run(items, never))


def test_no_items_need_no_workers(executor, images, save):
    save(images / "a.png")
    workers, _ = executor(2)
    assert list(workers.run([], never)) == [] and not children()


def test_workers_share_one_model_and_end_with_it(installed, images, save, config, tmp_path):
    for number in range(6):
        save(images / f"{number}.png")
    wanted, told = config(), []
    items = make_plan(wanted, "p", "run", None).items
    workers = LocalExecutor(Job(wanted, "run", 1), 1, lambda *words: told.append(words), is_shared=True)
    try:
        found = workers.run(items, never)
        assert next(found).status == "done" and len(children()) == 2
        assert told == [("ONNX Runtime, CPU, 1 threads", "")]
        workers._model._process.kill()
        with pytest.raises(RunFailed, match="The process that runs the model was ended by signal 9"):
            list(found)
    finally:
        workers.close()
    assert not children()
