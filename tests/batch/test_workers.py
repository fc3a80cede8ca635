"""Worker processes that are real: what they load is an exported model, what they die of is a signal."""

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


def test_items_are_done_until_it_is_stopped_and_then_the_rest(installed, images, save, executor, tmp_path):
    for number in range(6):
        save(images / f"{number}.png")
    told = []
    workers, items = executor(2, told)
    rows = []
    for row in workers.run(items, lambda: bool(rows)):
        rows.append(row)
    assert 1 <= len(rows) <= 2  # no more than what the two had in hand
    done = {row.name for row in rows}
    rows += workers.run([item for item in items if item.name not in done], never)
    assert {row.name: row.status for row in rows} == {f"{number}.png": "done" for number in range(6)}
    assert told == [("ONNX Runtime, CPU, 1 threads", "")]
    assert len(list((tmp_path / "masks").glob("*.png"))) == 6
    workers.close()
    assert not children()


def test_an_image_whose_worker_is_killed_is_tried_once_more(installed, images, save, executor, monkeypatch):
    for name in ("a.png", "deadly.png", "unlucky.png", "z.png"):
        save(images / name)
    workers, items = executor(1)
    # A worker is a process of its own that nothing here can be patched in: it is killed when it is given
    # the image.
    from napari_medkd.batch import workers as module

    send, lives = module._send, {"unlucky.png": 1, "deadly.png": 2}

    def deadly(pipe, message):
        name = getattr(message, "name", "")
        if lives.get(name, 0):
            lives[name] -= 1
            for one in children():
                one.kill()
        send(pipe, message)

    monkeypatch.setattr(module, "_send", deadly)
    rows = {row.name: row for row in workers.run(items, never)}
    assert [rows[name].status for name in ("a.png", "unlucky.png", "z.png")] == ["done"] * 3
    assert rows["deadly.png"].status == "failed"
    assert "was ended by signal 9, twice" in rows["deadly.png"].reason


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
