"""Learning from corrections for real, tiny: a run from frozen corrections to a package and a comparison."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image

from napari_medkd import samples
from napari_medkd.models.checkpoint import read_state, write_state
from napari_medkd.models.promptable import build_model
from napari_medkd.models.provenance import provenance_of
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import Comparison, EventReader, Failed, Learning, RunSpec
from src_training.__main__ import main
from src_training.recipes import load
from tests.training.made import make_set
from tests.training.made_teacher import install
from tests.training.test_rehearsal import CARD

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {
    "name": "small-r1",
    "steps": 4,
    "batch_size": 2,
    "views": 2,
    "checkpoint_every": 1,
    "validate_every": 2,
}


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rehearse one small set, and ask little of the comparison."""
    monkeypatch.setattr("src_training.replay.replay_folders", lambda: samples.replay_folders()[:1])
    monkeypatch.setattr("src_training.comparing._REPLAY_CASES", 2)
    monkeypatch.setattr("src_training.comparing.CAP", 2)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, medkd_home: Path) -> None:
    torch.manual_seed(0)
    write_state(build_model(CARD.architecture, CARD.preprocessing).state_dict(), tmp_path / "w.safetensors")
    ModelStore().install(CARD, {"model.safetensors": tmp_path / "w.safetensors"})


def make_run(folder: Path, base: str = CARD.id, **options: Any) -> Path:
    make_set(folder / "corrections")
    spec = RunSpec(
        recipe="refresh",
        options={**OPTIONS, **options},
        data=("corrections",),
        base=base,
        device="cpu",
        seed=3,
        learning=Learning(method="quick", corrections={"one": "mark"}, against=base),
    )
    spec.save(folder)
    return folder


def events(folder: Path) -> list[Any]:
    return EventReader(folder).read()


@pytest.mark.slow
def test_a_run_ends_with_a_package_its_provenance_and_a_comparison(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert main([str(run)]) == 0, events(run)[-1]
    told = events(run)
    kinds = [event.kind for event in told]
    assert kinds[-2:] == ["compared", "finished"] and kinds.count("preview") == 2
    for event in told:
        if event.kind in ("preview", "compared"):
            assert (run / event.path).is_file()
    comparison = Comparison.load(run)
    assert comparison is not None and (comparison.before, comparison.after) == (CARD.id, "small-r1")
    assert [(one.kind, one.cases) for one in comparison.sets] == [("corrections", 2), ("replay", 2)]
    assert {"dice@1", "dice", "nsd", "noc85"} == set(comparison.sets[0].figures)
    for one in comparison.worst:
        with Image.open(run / one.picture) as picture:
            assert picture.size[0] > 3 * 100
    card = ModelStore().add(run / "model")
    assert card.parent == CARD.id and card.capabilities == CARD.capabilities
    chain = provenance_of("small-r1")
    assert chain.corrections == {"one": "mark"} and chain.parent_files == ModelStore().get(CARD.id).files
    assert len(chain.replay) > 3 and chain.options["steps"] == 4
    weighed = json.loads((run / "interpolation.json").read_text())
    assert {"replay_carotid_first_iou", "replay_carotid_last_iou"} <= set(weighed["shares"]["0.5"])
    kept = weighed["kept"]
    old, new = (ModelStore().build(name).state_dict() for name in (CARD.id, "small-r1"))
    moved = {
        name.split(".")[0] for name, value in new.items() if not torch.allclose(value, old[name], atol=1e-3)
    }
    assert moved == ({"mask_decoder", "prompt_encoder"} if kept else set()), "the encoder stays"


@pytest.mark.slow
@pytest.mark.usefixtures("without_export", "one_thread")
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src_training.comparing.compare", lambda context, place: {})
    whole, stopped = make_run(tmp_path / "whole"), make_run(tmp_path / "stopped")
    assert main([str(whole)]) == 0, events(whole)[-1]
    asked = iter([False, False, True])
    monkeypatch.setattr("src_training.loop.stop_requested", lambda folder: next(asked, False))
    assert main([str(stopped)]) == 0
    assert [event.kind for event in events(stopped)][-1] == "checkpoint"
    assert main([str(stopped)]) == 0, events(stopped)[-1]
    first, second = (read_state(run / "model" / "model.safetensors") for run in (whole, stopped))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.slow
@pytest.mark.usefixtures("without_export")
def test_the_full_mode_teaches_the_encoder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src_training.comparing.compare", lambda context, place: {})
    monkeypatch.setattr("src_training.interpolation.chosen", lambda found, caution: 1.0)
    run = make_run(tmp_path / "run", mode="full")
    assert main([str(run)]) == 0, events(run)[-1]
    new, old = read_state(run / "model" / "model.safetensors"), ModelStore().build(CARD.id).state_dict()
    parts = {name.split(".")[0] for name, value in new.items() if not torch.equal(value, old[name])}
    assert "image_encoder" in parts and "mask_decoder" in parts


@pytest.mark.slow
@pytest.mark.usefixtures("without_export")
def test_the_thorough_mode_adapts_a_teacher_that_teaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src_training.comparing.compare", lambda context, place: {})
    monkeypatch.setattr("src_training.interpolation.chosen", lambda found, caution: 1.0)
    teacher = install(tmp_path)
    run = make_run(tmp_path / "run", mode="thorough", teacher=teacher.id, teacher_steps=2)
    assert main([str(run)]) == 0, events(run)[-1]
    stages = [event.name for event in events(run) if event.kind == "stage"]
    assert stages == ["teacher", "learning"]
    adapted, base = read_state(run / "parts" / "teacher.safetensors"), ModelStore().build(teacher.id)
    moved = {name for name, value in base.state_dict().items() if not torch.equal(value, adapted[name])}
    assert any("qkv" in name for name in moved) and not any("patch" in name for name in moved)
    told = [event.values for event in events(run) if event.kind == "metric" and event.stage == "learning"]
    assert any("taught" in values and "hidden" in values for values in told)
    assert any("loss" in values and "taught" not in values for values in told), "every other step is its own"
    new, old = read_state(run / "model" / "model.safetensors"), ModelStore().build(CARD.id).state_dict()
    parts = {name.split(".")[0] for name, value in new.items() if not torch.equal(value, old[name])}
    assert "image_encoder" in parts and new.keys() == old.keys()


def test_the_thorough_mode_needs_a_teacher(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", mode="thorough", teacher="")
    assert main([str(run)]) == 2
    assert "needs a teacher" in events(run)[-1].message


def test_a_full_disk_is_a_sentence_and_the_run_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, writer: Any) -> None:
        raise OSError(28, "No space left on device")

    run = make_run(tmp_path / "run")
    monkeypatch.setattr("src_training.run.run", full)
    assert main([str(run)]) == 2
    (failed,) = [event for event in events(run) if isinstance(event, Failed)]
    assert "No space left" in failed.message and "resume" in failed.hint


def test_a_model_that_answers_by_itself_cannot_learn_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", base="")
    assert main([str(run)]) == 2
    assert "no model to refresh" in events(run)[-1].message


def test_a_mode_sets_what_the_user_does_not() -> None:
    config = load()["refresh"].config
    quick, full = config.model_validate({}), config.model_validate({"mode": "full"})
    assert quick.steps < full.steps
    assert config.model_validate({"mode": "full", "steps": 7}).steps == 7
    assert config.model_validate(full.model_dump()) == full
