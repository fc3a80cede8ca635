"""Which model is in use: only the user changes it, and one call goes back."""

import pytest

from napari_medkd import learning
from napari_medkd.errors import InvalidSetting, ModelUnavailable
from napari_medkd.models.package import ENCODER
from napari_medkd.models.store import ModelStore
from napari_medkd.settings import Settings
from tests.learning.conftest import BASE


def in_use():
    return Settings.load().default_model


def test_a_new_model_is_used_and_rolled_back(finished):
    first, second = finished(), finished("medkd-fast-r2", "learn-2")
    assert learning.can_roll_back_to() == ""
    assert learning.use_new(first).after == in_use() == "medkd-fast-r1"
    learning.use_new(second)
    assert learning.can_roll_back_to() == "medkd-fast-r1"
    assert learning.roll_back().after == in_use() == "medkd-fast-r1"
    assert learning.roll_back().after == in_use() == BASE
    with pytest.raises(InvalidSetting, match="no earlier model"):
        learning.roll_back()
    assert {"medkd-fast-r1", "medkd-fast-r2"} <= {card.id for card in ModelStore().list()}
    actions = [one.action for one in learning.decisions()]
    assert actions == ["roll back", "roll back", "use", "use"]
    learning.use_new(second)
    assert in_use() == "medkd-fast-r2", "it can be used again"


def test_a_model_that_learnt_a_kind_looks_and_the_one_that_answers_stays(finished):
    quick = finished()
    kind = finished("medkd-auto-r1", "learn-2", base="medkd-auto", method="kind")
    learning.use_new(quick)
    decision = learning.use_new(kind)
    assert (decision.role, decision.before, decision.after) == ("looks", "medkd-auto", "medkd-auto-r1")
    assert in_use() == "medkd-fast-r1" and Settings.load().looking_model == "medkd-auto-r1"
    assert learning.can_roll_back_to() == "medkd-auto"
    assert learning.roll_back().role == "looks"
    assert in_use() == "medkd-fast-r1" and Settings.load().looking_model == "medkd-auto"
    assert learning.roll_back().after == in_use() == BASE
    assert learning.keep_old(kind).after == "medkd-auto"


def test_a_model_that_both_answers_and_looks_gives_its_place_to_the_new_one(finished):
    settings = Settings(default_model="medkd-auto")
    settings.save()
    assert learning.use_new(finished("medkd-auto-r1", base="medkd-auto", method="kind")).role == "answers"
    assert in_use() == "medkd-auto-r1"


def test_the_old_model_is_kept(finished):
    folder = finished()
    learning.keep_old(folder)
    assert in_use() == BASE and learning.decisions()[0].run == "learn-1"
    (run,) = learning.learning_runs()
    assert run.decision == "kept"
    learning.use_new(folder)
    assert learning.learning_runs()[0].decision == "used"


def test_a_run_that_has_not_ended_gives_no_model(finished):
    with pytest.raises(ModelUnavailable, match="has not finished"):
        learning.use_new(finished(ended=False))
    assert in_use() == BASE


def test_a_damaged_model_changes_nothing(finished):
    folder = finished()
    (folder / "model" / ENCODER).write_bytes(b"half")
    with pytest.raises(ModelUnavailable):
        learning.use_new(folder)
    assert in_use() == BASE and learning.decisions() == []


def test_a_torn_line_of_the_history_is_passed_over(finished, medkd_home):
    learning.use_new(finished())
    with (medkd_home / "models" / "decisions.jsonl").open("a") as file:
        file.write('{"action": "use", "bef')
    assert [one.action for one in learning.decisions()] == ["use"]
    assert learning.roll_back().after == BASE
    assert [one.action for one in learning.decisions()] == ["roll back", "use"], "the next line is whole"
