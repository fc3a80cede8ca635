"""ESP-MedSAM for real, tiny: its stages, what each may change, a kind that is added later, and resuming."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.checkpoint import write_state
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import EventReader, EventWriter, RunSpec
from src_training import checkpoint, loop
from src_training.kinds import read_kinds
from src_training.manifest import Manifest
from src_training.run import Trained, train
from tests.models.decoders.test_modality import make_card, make_model
from tests.training.made import make_set
from tests.training.made_teacher import install

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel

OPTIONS = {
    "backbone": "mobilenetv4_conv_small_035",
    "teacher": "small-teacher",
    "size": 128,
    "view": 64,
    "width": 16,
    "blocks": 1,
    "expert": 8,
    "batch_size": 2,
    "teacher_steps": 2,
    "teacher_batch": 2,
    "lessons": 4,
    "common_steps": 2,
    "specific_steps": 2,
    "steps": 2,
    "corrections": 1.0,
    "checkpoint_every": 1,
    "validate_every": 2,
}
STAGES = ["teacher", "common", "specific", "finetuning"]


@pytest.fixture(autouse=True)
def one_thread():
    """Sums are then always taken in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(folder: Path, modality: str, target: str) -> Path:
    make_set(folder, count=5)
    about = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**about, "modality": modality, "target": target}))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    install(tmp_path)
    return [
        made(tmp_path / "eyes", "fundus", "retinal vessels (thin structures)"),
        made(tmp_path / "breasts", "ultrasound", "lesion"),
    ]


def start(folder: Path, data: list[Path], base: str = "", **options: Any) -> Trained | None:
    if not folder.exists():
        spec = RunSpec(
            recipe="esp-medsam",
            options={**OPTIONS, **options},
            data=tuple(map(str, data)),
            base=base,
            device="cpu",
            seed=5,
        )
        spec.save(folder)
    with EventWriter(folder) as writer:
        return train(folder, writer)


def installed(card: ModelCard, folder: Path) -> PromptableModel:
    """Make a model of the card from chance, which a run may go on from."""
    model = make_model(card)
    write_state(model.state_dict(), folder / "model.safetensors")
    ModelStore().install(card, {"model.safetensors": folder / "model.safetensors"})
    return model


def test_kinds_and_targets_are_what_the_data_say(data):
    kinds = read_kinds(data, {}, {"ultrasound": "tumour"})
    assert kinds.names == ("fundus", "ultrasound") and kinds.of_set == {"eyes": 0, "breasts": 1}
    assert [(target.name, target.joined) for target in kinds.targets] == [
        ("retinal vessels", True),
        ("tumour", False),
    ]
    again = read_kinds(data[1:], {}, {}, kinds.targets)
    assert again.targets == kinds.targets and again.of_set == {"breasts": 1}
    with pytest.raises(InvalidSetting, match="eyes does not say"):
        (data[0] / "dataset.json").write_text("{}")
        read_kinds(data, {}, {})


def test_all_stages_make_a_model_of_both_kinds(tmp_path, data):
    trained = start(tmp_path / "run", data)
    assert trained is not None
    card, figures = trained.card, trained.figures
    events = EventReader(tmp_path / "run").read()
    assert [event.name for event in events if event.kind == "stage"] == STAGES
    assert card.architecture.kinds == ("fundus", "ultrasound") and card.parent == "small-teacher"
    assert {"auto", "point"} <= card.capabilities and card.architecture.temperature > 0
    assert not card.outliner and not any(target.outlined for target in card.targets)
    assert {"score", "held_out_router", "held_out_fundus", "held_out_ultrasound"} == set(figures)
    manifest = Manifest.load(tmp_path / "run")
    assert set(manifest.stages) == set(STAGES) and len(manifest.validation) > 0
    logged = [event.values for event in events if event.kind == "metric" and event.stage == "finetuning"]
    assert any("corrected" in values and "patches" in values for values in logged)


def test_the_distillation_moves_what_it_may_and_nothing_else(tmp_path, data, monkeypatch):
    moved = watched(monkeypatch)
    start(tmp_path / "run", data)
    assert moved["common"] and all("image_encoder.trunk" in name for name in moved["common"])
    teacher = {name for name in moved["teacher"] if "image_encoder.trunk" in name}
    assert teacher and all(".added_" in name for name in teacher), "the teacher's own weights stay"
    assert {name.split(".")[0] for name in moved["specific"]} == {"student", "projection"}
    assert all("controller" in name or "projection" in name for name in moved["specific"])
    assert any(".bags.0." in name for name in moved["specific"])


def test_without_bags_the_trunk_alone_asks_the_teacher(tmp_path, data, monkeypatch):
    moved = watched(monkeypatch)
    assert start(tmp_path / "run", data, bags=False) is not None
    assert list(moved) == ["common", "finetuning"]


def test_finer_maps_copy_the_teacher_with_a_head_that_is_thrown_away(tmp_path, data, monkeypatch):
    moved = watched(monkeypatch)
    trained = start(tmp_path / "run", data, bags=False, finer=True, common_steps=3)
    assert trained is not None and not any("head" in name for name in trained.model.state_dict())
    assert {name.split(".")[0] for name in moved["common"]} == {"student", "head"}
    assert any("trunk.skips." in name for name in moved["common"])


def test_a_run_stopped_in_every_stage_goes_on_to_the_same_bits(tmp_path, data, monkeypatch):
    whole = start(tmp_path / "whole", data)
    folder = tmp_path / "stopped"
    for place in range(len(STAGES)):

        class Stopping(loop.Fit):
            wanted = place, 1

            def _agreed(self, value: Any) -> Any:
                return (self._number, self._step) == self.wanted if value is False else value

        monkeypatch.setattr("src_training.run.Fit", Stopping)
        assert start(folder, data) is None
        stopped = checkpoint.load(folder)
        assert stopped is not None and (stopped["stage"], stopped["step"]) == (place, 1)
    monkeypatch.setattr("src_training.run.Fit", loop.Fit)
    again = start(folder, data)
    assert whole is not None and again is not None and again.figures == whole.figures
    assert again.card.architecture.temperature == whole.card.architecture.temperature
    same = zip(whole.model.state_dict().values(), again.model.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)


def test_a_kind_is_added_and_the_others_stay_as_they_were_to_the_bit(tmp_path, data):
    card = make_card(("fundus", "ultrasound"), finer=True)
    lesions = card.targets[1].model_copy(update={"outlined": True})
    cooled = card.architecture.model_copy(update={"router_temperature": 1.7})
    vessels = card.targets[0].model_copy(update={"quarters": True})
    changes = {"outliner": "sharp", "targets": (vessels, lesions), "architecture": cooled}
    card = card.model_copy(update=changes)
    before = installed(card, tmp_path)
    xray = made(tmp_path / "chests", "xray", "lungs")
    trained = start(
        tmp_path / "run",
        [xray],
        base=card.id,
        view=64,
        corrections=0.5,
        outlined=["xray"],
        quarters=["xray"],
        afar=["xray"],
    )
    assert trained is not None and trained.card.architecture.kinds == ("fundus", "ultrasound", "xray")
    old, new = before.state_dict(), trained.model.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old)
    added = set(new) - set(old)
    assert added and all(".2." in name for name in added)
    fresh = make_model(make_card(("fundus", "ultrasound", "xray"), finer=True)).state_dict()
    assert any(not torch.equal(new[name], fresh[name]) for name in added)
    assert [target.name for target in trained.card.targets][-1] == "lungs"
    assert trained.card.outliner == "sharp"
    assert [target.outlined for target in trained.card.targets] == [False, True, True]
    assert [target.quarters for target in trained.card.targets] == [True, False, True]
    assert [target.afar for target in trained.card.targets] == [False, False, True]
    assert trained.card.architecture.temperature == card.architecture.temperature
    assert trained.card.architecture.router_temperature == 1.7


def test_a_model_of_the_same_kinds_is_gone_on_with(tmp_path, data):
    card = make_card(("fundus", "ultrasound"), finer=True)
    said = ("eyes (3 cases). Licence not stated.", "something else. CC0.")
    card = card.model_copy(update={"training_data": said})
    before = installed(card, tmp_path)
    trained = start(tmp_path / "run", data, base=card.id, view=64, statistics="kept", warped=0.5)
    assert trained is not None
    old, new = before.state_dict(), trained.model.state_dict()
    assert set(old) == set(new)
    statistics = [name for name in old if "running_" in name]
    assert statistics and all(torch.equal(old[name], new[name]) for name in statistics)
    assert any(not torch.equal(old[name], new[name]) for name in old if "trunk.backbone" in name)
    assert len(set(trained.card.training_data)) == len(trained.card.training_data) >= 3
    assert trained.card.training_data[:2] == said


def test_a_base_can_be_gone_on_from_with_another_backbone(tmp_path, data):
    card = make_card(("fundus", "ultrasound"), finer=True)
    before = installed(card, tmp_path)
    wider = "mobilenetv4_conv_small_050"
    given = {"base": card.id, "view": 64, "statistics": "kept", "backbone": wider}
    trained = start(tmp_path / "run", data, teacher="", **given)
    assert trained is not None
    assert trained.card.architecture.encoder_options["trunk_options"]["backbone"] == wider
    assert trained.card.architecture.grid == card.architecture.grid
    old, new = before.state_dict(), trained.model.state_dict()
    kept = [name for name in old if "running_" in name and "trunk.backbone" not in name]
    assert kept and all(torch.equal(old[name], new[name]) for name in kept), "all else begins as it was"
    assert any(old[name].shape != new[name].shape for name in old if "trunk.backbone" in name)
    told = [event.message for event in EventReader(tmp_path / "run").read() if event.kind == "warning"]
    assert any(wider in message and "from chance" in message for message in told)


def test_another_backbone_copies_the_teacher_before_it_learns_from_labels(tmp_path, data, monkeypatch):
    card = make_card(("fundus", "ultrasound"), finer=True)
    installed(card, tmp_path)
    given = {"base": card.id, "view": 64, "statistics": "kept"}
    moved = watched(monkeypatch)
    assert start(tmp_path / "same", data, **given) is not None
    assert list(moved) == ["finetuning"], "the base's own backbone asks nobody"
    moved.clear()
    assert start(tmp_path / "other", data, **given, backbone="mobilenetv4_conv_small_050") is not None
    assert list(moved) == ["common", "finetuning"]
    assert moved["common"] and all("image_encoder.trunk." in name for name in moved["common"])


def test_a_kind_is_not_added_to_another_backbone(tmp_path, data):
    card = make_card(("fundus", "ultrasound"), finer=True)
    installed(card, tmp_path)
    xray = made(tmp_path / "chests", "xray", "lungs")
    with pytest.raises(InvalidSetting, match="as it is, with mobilenetv4_conv_small_035"):
        start(tmp_path / "run", [xray], base=card.id, view=64, backbone="mobilenetv4_conv_small_050")


def test_the_card_says_how_sure_the_router_may_be_taken_to_be(tmp_path, data, monkeypatch):
    def trained(name: str, temperature: float) -> Trained:
        monkeypatch.setattr(
            "src_training.recipes.esp_medsam_stages.router_temperature", lambda task, held: temperature
        )
        found = start(tmp_path / name, data, teacher="")
        assert found is not None
        return found

    hot, cool = trained("hot", 1.0), trained("cool", 2.5)
    assert hot.card.architecture.router_temperature == 1 and cool.card.architecture.router_temperature == 2.5
    pairs = zip(hot.model.state_dict().values(), cool.model.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs), "a kind that is added later meets the same"


@pytest.mark.parametrize(
    ("base", "options", "sentence"),
    [
        ("small-teacher", {}, "is not the trunk"),
        ("shared", {}, "no bag and query for each kind"),
        ("small-teacher", {"often": {"nowhere": 2.0}}, "nowhere, which is none of the data folders"),
        ("", {"statistics": "kept"}, "no statistics to keep"),
        ("small-teacher", {"statistics": "kept"}, "no statistics to keep"),
        ("vit", {}, "has a TinyViT; a backbone cannot"),
        ("", {"finer": True, "teacher": ""}, "finer: no teacher is asked"),
        ("", {"finer": True, "trunk": "tiny_vit"}, "finer: a TinyViT has no finer maps"),
    ],
)
def test_what_cannot_be_gone_on_from_is_a_sentence(tmp_path, data, base, options, sentence):
    if base == "shared":
        card = make_card(("fundus",), finer=True, bags=False).model_copy(update={"id": "shared"})
        installed(card, tmp_path)
    if base == "vit":
        card = make_card(("fundus", "ultrasound")).model_copy(update={"id": "vit"})
        installed(card, tmp_path)
    with pytest.raises(InvalidSetting, match=sentence):
        start(tmp_path / "run", data, base=base, **options)


def watched(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Return a record, filled in while a run goes on, of what each of its stages moved."""
    moved: dict[str, set[str]] = {}
    run = loop.Fit.run

    def watching(fit: loop.Fit) -> Any:
        before = _copied(fit._stage.task)
        outcome = run(fit)
        after = _copied(fit._stage.task)
        moved[fit._stage.name] = {name for name in before if not torch.equal(before[name], after[name])}
        return outcome

    monkeypatch.setattr(loop.Fit, "run", watching)
    return moved


def _copied(task: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in task.named_parameters()}
