"""Runs take turns; the dead hold nobody up."""

import subprocess
import sys
import threading

import pytest

from napari_medkd.runs import request_stop, turn


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / name for name in ("first", "second")]
    for folder in made:
        folder.mkdir()
    return made


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(turn, "_LOOK_SECONDS", 0.01)


@pytest.fixture
def sleeper():
    """A process that lives until the test kills it."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def in_thread(folder, pid):
    """Take a turn elsewhere; returns the thread and what it was told."""
    told = []

    def work():
        with turn.taken(folder, pid) as is_ours:
            told.append(is_ours)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, told


def wait_for(condition):
    done = threading.Event()
    for _ in range(2000):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("it did not come to that")


def test_the_second_waits_for_the_first(folders, sleeper):
    first, second = folders
    with turn.taken(first, sleeper.pid) as is_ours:
        assert is_ours and not turn.is_waiting(first)
        thread, told = in_thread(second, sleeper.pid)
        wait_for(lambda: turn.is_waiting(second))
        assert told == []
    thread.join(30)
    assert told == [True] and not turn.is_waiting(second)


def test_a_run_that_was_killed_holds_nobody_up(folders, sleeper):
    first, second = folders
    taken = turn.taken(first, sleeper.pid)
    taken.__enter__()
    sleeper.kill()
    sleeper.wait()
    thread, told = in_thread(second, 1)
    thread.join(30)
    assert told == [True]
    taken.__exit__(None, None, None)


def test_who_waits_can_be_stopped(folders, sleeper):
    first, second = folders
    with turn.taken(first, sleeper.pid):
        thread, told = in_thread(second, sleeper.pid)
        wait_for(lambda: turn.is_waiting(second))
        request_stop(second)
        thread.join(30)
        assert told == [False]
