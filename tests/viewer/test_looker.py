"""The model that looks is loaded once, when it is needed, and makes room for another."""

from __future__ import annotations

import queue

import pytest

from napari_medkd.errors import ModelUnavailable
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker
from napari_medkd.viewer.looker import Looker
from tests.seeing import Seeing, nuclei


class Bench:
    """A looker beside a session, whose calls to the owner's thread are made here."""

    def __init__(self):
        self.calls: queue.Queue = queue.Queue()
        self.loaded: list[Seeing] = []
        self.given: list = []
        self.said: list[str] = []
        self.errors: list = []
        self.session = Session(SyncWorker())
        self.session.set_segmenter(Seeing(id="own"))
        self.session.open(nuclei())
        self.looker = Looker(self.session, self.calls.put, self.load)
        self.looker.loading.connect(self.said.append)
        self.looker.failed.connect(self.errors.append)

    def load(self, model_id, progress):
        if model_id == "missing":
            raise ModelUnavailable("There is no such model.")
        self.loaded.append(Seeing(id=model_id))
        return self.loaded[-1]

    def ask(self, model_id: str, loads: bool = True) -> None:
        self.looker.ask(model_id, self.given.append)
        if loads:
            self.calls.get(timeout=10)()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_model_is_loaded_once(bench):
    bench.ask("auto")
    bench.ask("auto", loads=False)
    assert bench.given == [bench.loaded[0]] * 2 and len(bench.loaded) == 1
    assert bench.said[0].startswith("Loading") and bench.said[-1] == ""


@pytest.mark.parametrize("name", ["", "own"])
def test_the_sessions_own_model_is_not_loaded_again(bench, name):
    bench.ask(name, loads=False)
    assert bench.given == [bench.session.segmenter] and not bench.said


def test_a_model_that_cannot_be_loaded_is_a_sentence_and_may_be_asked_for_again(bench):
    bench.ask("missing")
    assert "no such model" in str(bench.errors[0]) and bench.said[-1] == "" and not bench.given
    bench.ask("missing")
    assert len(bench.errors) == 2


def test_another_model_that_is_being_loaded_gets_the_room(bench):
    bench.ask("auto")
    bench.session.set_loading("Loading the model…")
    assert bench.loaded[0].closed
    bench.ask("auto")
    assert len(bench.loaded) == 2 and not bench.loaded[1].closed


def test_another_looker_takes_the_place_of_the_first(bench):
    bench.ask("auto")
    bench.ask("other")
    assert [one.closed for one in bench.loaded] == [True, False] and bench.given[-1] is bench.loaded[1]


def test_what_comes_after_the_end_is_closed(bench):
    bench.ask("auto")
    bench.looker.close()
    bench.looker.close()
    assert bench.loaded[0].closed
