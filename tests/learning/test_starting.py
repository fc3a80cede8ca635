"""From the store to a run: what is frozen, what is said, and that nothing is left where it fails."""

import shlex

import numpy as np
import pytest

from napari_medkd import learning, runs
from napari_medkd.corrections import places
from napari_medkd.corrections.summary import ClassSummary
from napari_medkd.errors import InvalidSetting, ModelUnavailable, StorageError, UnknownName
from napari_medkd.learning.kinds import suggested
from napari_medkd.learning.learners import teacher_of
from napari_medkd.models.store import ModelStore
from src_training.data import ImageMaskFolder
from src_training.recipes import load
from tests.corrections.made import make


def test_what_was_collected_is_summed_up(corrections):
    found = learning.collected("medkd-fast")
    assert (found.objects, found.cases, found.images, found.fresh) == (7, 7, 7, 7)
    assert [row.label for row in found.by_class] == ["cell", "vessel"]
    assert sum(found.parts.values()) == 7 and found.parts["held-out"] >= 1
    assert not found.obstacle and not found.remark
    assert learning.collected(labels=["vessel"]).objects == 2


def test_nothing_collected_is_an_obstacle():
    assert "Nothing has been collected" in learning.collected().obstacle
    with pytest.raises(InvalidSetting, match="Nothing has been collected"):
        learning.start(learning.Order(base="medkd-fast"))
    assert runs.list_runs() == []


def test_cases_that_are_all_held_out_are_an_obstacle():
    with places.open_store() as store:
        store.add(make("a"), "held-out")
    assert "held out to measure on" in learning.collected().obstacle


def test_what_waits_for_the_store_counts():
    places.outbox().post(make("a"))
    assert learning.collected().objects == 1


def test_a_run_freezes_the_corrections_as_they_are(corrections, tmp_path):
    folder = learning.prepare(learning.Order(base="medkd-fast", seed=5), tmp_path / "run")
    spec = runs.RunSpec.load(folder)
    with places.open_store() as store:
        assert spec.learning.corrections == store.fingerprints()
        record = next(store.records())
        store.withdraw([record.id])
        wanted = store.accepted(record)
    assert (spec.recipe, spec.base, spec.seed, spec.learning.against) == (
        "refresh",
        "medkd-fast",
        5,
        "medkd-fast",
    )
    assert load()["refresh"].config.model_validate(spec.options).name == "medkd-fast-r1"
    (name,) = spec.data
    parts = {split: len(ImageMaskFolder(folder / name, split)) for split in ("train", "val", "test")}
    assert sum(parts.values()) == 7 and parts["test"] >= 1
    masks = [case.load()[1][0] > 0 for case in ImageMaskFolder(folder / name)]
    assert any(np.array_equal(mask, wanted) for mask in masks)


def test_only_the_classes_that_were_asked_for(corrections, tmp_path):
    folder = learning.prepare(learning.Order(base="medkd-fast", labels=("cell",)), tmp_path / "run")
    assert len(runs.RunSpec.load(folder).learning.corrections) == 5


def test_a_full_disk_leaves_nothing_behind(corrections, tmp_path, monkeypatch):
    def full(*arguments):
        raise StorageError("The export could not be written: no space left on device.")

    monkeypatch.setattr("napari_medkd.learning.starting.export", full)
    with pytest.raises(StorageError):
        learning.start(learning.Order(base="medkd-fast"))
    assert list(runs.home().glob("learn-*")) == []


def test_a_teacher_that_is_not_installed_is_said_before_anything_is_written(corrections):
    with pytest.raises(ModelUnavailable, match="'sam-of-nobody' is not installed"):
        learning.start(learning.Order("thorough", "medkd-fast", options={"teacher": "sam-of-nobody"}))
    assert runs.list_runs() == []


def test_a_model_that_finds_things_by_itself_has_no_method():
    card = ModelStore().get("medkd-fast")
    assert [one.key for one in learning.methods(card)] == ["quick", "full", "thorough"]
    classes = card.architecture.model_copy(update={"masks": "classes"})
    assert learning.methods(card.model_copy(update={"architecture": classes})) == ()
    assert learning.methods(card.model_copy(update={"capabilities": frozenset({"auto"})})) == ()


def test_only_what_kd_sam_made_is_distilled_once_more(corrections):
    card = ModelStore().get("medkd-fast")
    network = card.architecture.model_copy(update={"decoder": "sam", "masks": "one"})
    made = card.model_copy(update={"architecture": network, "parent": "litemedsam"})
    assert [one.key for one in learning.methods(made)] == ["quick", "full", "thorough", "kd-sam"]
    assert teacher_of(made) == "litemedsam"
    with pytest.raises(ModelUnavailable, match="'sam-of-nobody'"):
        teacher_of(made.model_copy(update={"parent": "sam-of-nobody"}))
    with pytest.raises(InvalidSetting, match="was not made by KD-SAM"):
        learning.prepare(learning.Order("kd-sam", "medkd-fast"))
    assert runs.list_runs() == []


def test_only_a_model_that_tells_kinds_apart_learns_a_kind(corrections):
    card = ModelStore().get("medkd-auto")
    assert [one.key for one in learning.methods(card)] == ["kind"]
    shared = card.architecture.model_copy(update={"decoder_options": {"bags": False}})
    assert learning.methods(card.model_copy(update={"architecture": shared})) == ()
    assert [one.id for one in learning.learners()] == ["medkd-fast", "medkd-auto"]
    with pytest.raises(InvalidSetting, match="does not tell kinds of image apart"):
        learning.prepare(learning.Order("kind", "medkd-fast", ("cell",)))
    with pytest.raises(InvalidSetting, match="cannot learn from clicks"):
        learning.prepare(learning.Order("quick", "medkd-auto"))
    with pytest.raises(InvalidSetting, match="for the method kind only"):
        learning.prepare(learning.Order(kind="ct"))
    assert runs.list_runs() == []


def test_a_kind_of_one_class_is_frozen_with_its_name(corrections, tmp_path):
    asked = learning.Order("kind", labels=("cell",), kind="  Thin  Slices ")
    spec = runs.RunSpec.load(learning.prepare(asked, tmp_path / "run"))
    assert (spec.recipe, spec.base, spec.learning.method) == ("esp-medsam", "medkd-auto", "kind")
    assert spec.options["modalities"] == {"corrections": "thin slices"}
    assert spec.options["targets"] == {"thin slices": "cell"} and spec.options["name"] == "medkd-auto-r1"
    load()["esp-medsam"].config.model_validate(spec.options)
    unnamed = learning.prepare(learning.Order("kind", labels=("cell",)), tmp_path / "unnamed")
    assert runs.RunSpec.load(unnamed).options["targets"] == {"ct": "cell"}, "the files say CT"


@pytest.mark.parametrize(
    ("labels", "kind", "sentence"),
    [
        ((), "ct", "corrections of cell, vessel"),
        (("cell",), "ultrasound", "knows ultrasound and looks for breast lesion there"),
        (("cell",), "ct, mr", "cannot be the name"),
    ],
)
def test_a_kind_that_cannot_be_learnt_is_a_sentence_and_leaves_nothing(corrections, labels, kind, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        learning.prepare(learning.Order("kind", labels=labels, kind=kind))
    assert runs.list_runs() == []


def test_a_name_is_suggested_for_a_kind():
    def found(label, modality):
        known = {"cases": 1, "objects": 1, "dice_first": None, "dice": None, "clicks": 1, "seconds": 1}
        return ClassSummary(label=label, modality=modality, **known)

    assert suggested(found("liver", "CT"), {"mr"}) == "ct"
    assert suggested(found("Carotid, left", "US"), {"ultrasound"}) == "carotid left ultrasound"
    assert suggested(found("membrane", "GRAY"), {"membrane", "membrane 2"}) == "membrane 3"


def test_models_are_counted_up(corrections, tmp_path):
    names = []
    for _ in range(2):
        folder = learning.prepare(learning.Order(base="medkd-fast"))
        names.append(runs.RunSpec.load(folder).options["name"])
    assert names == ["medkd-fast-r1", "medkd-fast-r2"]


def test_a_run_is_followed_and_found_again(corrections, toy):
    order = learning.Order(base="medkd-fast", options={"mode": "finish"})
    handle = learning.start(order)
    handle.wait(60)
    (run,) = learning.learning_runs()
    assert (run.handle.id, run.stand, run.model, run.decision) == (handle.id, "finished", "medkd-fast-r1", "")
    assert run.comparison is None and not run.can_resume
    assert learning.find("") == handle.folder


def test_the_command_asks_for_the_same(monkeypatch):
    from napari_medkd.cli.app import run

    order = learning.Order(
        "full", "medkd-nano", ("cell",), "thin slices", {"steps": 7, "teacher": "x"}, ("/data/a b",), 3, "cpu"
    )
    asked = []
    monkeypatch.setattr("pathlib.Path.is_dir", lambda path: True)
    monkeypatch.setattr("napari_medkd.learning.prepare", lambda order, folder: asked.append(order) or folder)
    words = shlex.split(learning.command(order))
    assert run([*words[1:], "--prepare", "--out", "run"]) == 0
    assert asked == [order]


@pytest.mark.parametrize("method", learning.METHODS, ids=lambda method: method.key)
def test_a_method_is_made_of_settings_that_its_recipe_has(method):
    fields = load()[method.recipe].config.model_fields
    assert set(method.options) | set(method.usual) | method.idle <= set(fields)


def test_an_unknown_method_lists_the_known():
    with pytest.raises(UnknownName, match="quick, full, thorough"):
        learning.method("slow")
