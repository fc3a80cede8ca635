"""KD-SAM for real, tiny: both stages, what learns and what does not, stopped and gone on with, its model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_medkd import learning, samples
from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.corrections import places
from napari_medkd.inference import load_segmenter
from napari_medkd.io import read_volume
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import Comparison, EventReader, Metric, RunSpec
from src_training import checkpoint, loop
from src_training.__main__ import main
from src_training.manifest import Manifest
from tests.corrections.made import make
from tests.training.made import make_set
from tests.training.made_teacher import CARD, install

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {
    "name": "small",
    "teacher": CARD.id,
    "backbone": "test_efficientnet",
    "size": 128,
    "neck_width": 16,
    "neck_blocks": 1,
    "encoder_steps": 3,
    "decoder_steps": 3,
    "batch_size": 2,
    "checkpoint_every": 1,
    "validate_every": 3,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    install(tmp_path, "sam_vit")
    return make_set(tmp_path / "discs")


def make_run(folder: Path, data: Path, **options: Any) -> Path:
    spec = RunSpec(recipe="kd-sam", options={**OPTIONS, **options}, data=(str(data),), device="cpu", seed=3)
    spec.save(folder)
    return folder


def figures(folder: Path, stage: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for event in EventReader(folder).read():
        if isinstance(event, Metric) and event.stage == stage:
            found |= event.values
    return found


def state(folder: Path, part: str = "task") -> dict[str, torch.Tensor]:
    kept = checkpoint.load(folder)
    assert kept is not None
    return dict(kept[part])


@pytest.mark.slow
def test_a_student_is_made_that_the_product_takes_in(tmp_path, data):
    before = ModelStore().verified(CARD.id, "model.safetensors").read_bytes()
    run = make_run(tmp_path / "run", data)
    assert main([str(run)]) == 0, EventReader(run).read()[-1]
    assert ModelStore().verified(CARD.id, "model.safetensors").read_bytes() == before
    sizes = figures(run, "student")
    assert sizes["parameters"] > sizes["encoder_parameters"] > 0 and sizes["encoder_gmac"] > 0
    assert {"mse", "perceptual", "held_out_iou"} <= figures(run, "encoder").keys()  # before stage B…
    assert {"masks", "iou", "held_out_iou"} <= figures(run, "decoder").keys()  # …and after it
    card = ModelStore().add(run / "model")
    assert card.parent == CARD.id and card.capabilities == {"box", "point"}
    assert card.parameters == sizes["parameters"] and str(data) not in card.model_dump_json()
    segmenter = load_segmenter("small", device="cpu", runtime="onnx")
    volume = read_volume(data / "images" / "00.png")
    answer = segmenter.predict(
        segmenter.embed(volume, Plane(0, 0)), Prompt(Plane(0, 0), points=(Point(40, 40),))
    )
    assert answer.masks[0].shape == (80, 80) and np.isfinite(answer.scores).all()


@pytest.mark.usefixtures("without_export")
def test_the_second_stage_leaves_the_encoder_alone_unless_told(tmp_path, data, monkeypatch):
    kept, free = (
        make_run(tmp_path / name, data, encoder_steps=0, perceptual="none", unfreeze_encoder=free)
        for name, free in (("kept", False), ("free", True))
    )
    began: dict[str, torch.Tensor] = {}

    class Watching(loop.Fit):
        def __init__(self, stage: Any, *rest: Any) -> None:
            began.update({name: value.clone() for name, value in stage.task.state_dict().items()})
            super().__init__(stage, *rest)

    monkeypatch.setattr("src_training.run.Fit", Watching)
    for run in (kept, free):
        assert main([str(run)]) == 0, EventReader(run).read()[-1]
    changed, loose = (
        {name for name, value in state(run).items() if not torch.equal(value, began[name])}
        for run in (kept, free)
    )
    assert changed and all(name.startswith("student.mask_decoder") for name in changed)
    assert any(name.startswith("student.image_encoder") for name in loose)
    assert not any(name.startswith("student.prompt_encoder") for name in loose)


@pytest.mark.usefixtures("without_export")
def test_the_first_stage_trains_the_encoder_alone_and_keeps_the_teachers_decoder(tmp_path, data):
    run = make_run(tmp_path / "run", data, decoder_steps=0)
    assert main([str(run)]) == 0, EventReader(run).read()[-1]
    teacher = ModelStore().build(CARD.id).state_dict()
    after = state(run)
    assert all(
        torch.equal(value, teacher[name.removeprefix("student.")])
        for name, value in after.items()
        if not name.startswith("student.image_encoder") and "positional" not in name
    )
    assert not any("perception" in name or "phi" in name for name in after)


@pytest.mark.usefixtures("without_export")
def test_a_run_that_was_stopped_in_both_stages_goes_on_to_the_same_bits(tmp_path, data, monkeypatch):
    whole, halved = make_run(tmp_path / "whole", data), make_run(tmp_path / "halved", data)
    assert main([str(whole)]) == 0
    for place in ((0, 2), (1, 1)):

        class Stopping(loop.Fit):
            wanted = place

            def _agreed(self, value: Any) -> Any:
                return (self._number, self._step) == self.wanted if value is False else value

        monkeypatch.setattr("src_training.run.Fit", Stopping)
        assert main([str(halved)]) == 0
        stopped = checkpoint.load(halved)
        assert stopped is not None and (stopped["stage"], stopped["step"]) == place
    monkeypatch.setattr("src_training.run.Fit", loop.Fit)
    assert main([str(halved)]) == 0
    for part in ("task", "average"):
        one, other = state(whole, part), state(halved, part)
        assert all(torch.equal(value, other[name]) for name, value in one.items()), part


@pytest.mark.usefixtures("without_export")
def test_no_stage_sees_a_validation_picture(tmp_path, data):
    run = make_run(tmp_path / "run", data, encoder_steps=1, decoder_steps=1)
    assert main([str(run)]) == 0
    manifest = Manifest.load(run)
    assert len(manifest.validation) == 2
    assert len(manifest.stages["encoder"].unlabelled) == len(manifest.stages["decoder"].labelled) == 4
    assert not manifest.learnt_from & set(manifest.validation)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"teacher": "nobody"}, "nobody"),
        ({"perceptual": "vgg16"}, "VGG-16"),
        ({"perceptual": "vgg16", "vgg_weights": "/nowhere/vgg.pth"}, "VGG-16"),
        ({"backbone_weights": "/nowhere/resnet.pth"}, "resnet.pth"),
        ({"size": 100}, "size"),
    ],
)
def test_orders_that_cannot_be_followed_are_a_sentence(tmp_path, data, options, sentence):
    run = make_run(tmp_path / "run", data, **options)
    assert main([str(run)]) == 2
    failed = EventReader(run).read()[-1]
    assert failed.kind == "failed" and sentence in failed.message


@pytest.mark.usefixtures("without_export")
def test_random_vgg_is_a_control_that_runs(tmp_path, data):
    run = make_run(
        tmp_path / "run",
        data,
        encoder_steps=1,
        decoder_steps=0,
        perceptual="vgg16-random",
        perceptual_size=32,
    )
    assert main([str(run)]) == 0
    assert np.isfinite(figures(run, "encoder")["perceptual"])


@pytest.fixture
def distilled(tmp_path: Path, data: Path) -> str:
    """A student of this recipe, installed."""
    run = make_run(tmp_path / "first", data, encoder_steps=1, decoder_steps=1)
    assert main([str(run)]) == 0, EventReader(run).read()[-1]
    return ModelStore().add(run / "model").id


@pytest.mark.slow
def test_a_student_goes_on_with_corrections_and_its_teacher(tmp_path, distilled, monkeypatch):
    monkeypatch.setattr("src_training.replay.replay_folders", lambda: samples.replay_folders()[:2])
    monkeypatch.setattr("src_training.comparing._REPLAY_CASES", 2)
    monkeypatch.setattr("src_training.comparing.CAP", 2)
    with places.open_store() as store:
        for seed in range(7):
            store.add(make(f"case {seed}", seed))
    few = {"encoder_steps": 2, "decoder_steps": 2, "batch_size": 2, "validate_every": 2}
    order = learning.Order("kd-sam", distilled, options=few, device="cpu")
    run = learning.prepare(order, tmp_path / "second")
    assert RunSpec.load(run).options["teacher"] == CARD.id, "the one that it was distilled from"
    assert main([str(run)]) == 0, EventReader(run).read()[-1]
    seen = Manifest.load(run)
    assert len(seen.stages["decoder"].labelled) > 7, "images of other kinds are rehearsed"
    assert not seen.learnt_from & set(seen.validation)
    comparison = Comparison.load(run)
    assert comparison is not None
    own, replay = comparison.sets
    assert (own.kind, set(own.parts), replay.kind, set(replay.parts)) == (
        "corrections",
        set(),
        "replay",
        {"carotid", "fundus"},
    )
    means = [one.after.mean for one in replay.parts.values()]
    assert min(means) - 1e-4 <= replay.figures["dice@1"].after.mean <= max(means) + 1e-4
    chain = json.loads((run / "model" / "provenance.json").read_text())
    assert chain["parent"] == distilled and len(chain["corrections"]) == 7 and chain["replay"]
    learning.use_new(run)
    old, new = ModelStore().get(distilled), ModelStore().get("small-r1")
    assert (new.parent, new.architecture) == (distilled, old.architecture)
    assert learning.learners()[0].id == "small-r1"
    again = learning.prepare(learning.Order("kd-sam", "small-r1", options=few), tmp_path / "third")
    assert RunSpec.load(again).options["teacher"] == CARD.id, "through the one between them"


@pytest.mark.usefixtures("without_export")
def test_a_model_that_sees_otherwise_does_not_go_on(tmp_path, data):
    run = make_run(tmp_path / "run", data)
    spec = RunSpec.load(run).model_copy(update={"base": "medkd-fast"})
    (run / "run.json").unlink()
    spec.save(run)
    assert main([str(run)]) == 2
    assert "does not see as" in EventReader(run).read()[-1].message
