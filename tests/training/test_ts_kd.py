"""TS-KD end to end, tiny: its stages and controls, what they leave, what they never see, and resuming."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_medkd.io import read_volume
from napari_medkd.runs import EventReader, EventWriter, RunSpec, request_stop
from src_training.__main__ import main
from src_training.manifest import Manifest
from src_training.run import run
from src_training.scenes import content_digest
from tests.training.made import make_set
from tests.training.made_teacher import install

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {
    "teacher": "small-teacher",
    "targets": ["disc"],
    "size": 128,
    "width": 32,
    "depth": 2,
    "heads": 1,
    "pairs": 2,
    "batch_size": 2,
    "teacher_steps": 2,
    "teacher_batch": 1,
    "transfer": 9,
    "diffusion_size": 32,
    "diffusion_width": 16,
    "diffusion_steps": 2,
    "diffusion_batch": 2,
    "ddim_steps": 10,
    "pretrain_steps": 2,
    "finetune_steps": 2,
    "checkpoint_every": 1,
    "validate_every": 2,
}
STAGES = ("teacher", "diffusion", "pretraining", "finetuning")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three labelled and three unlabelled pictures; one for validation and one for the test."""
    folder = make_set(tmp_path / "discs", count=8)
    about = json.loads((folder / "dataset.json").read_text())
    names = [f"{number:02d}" for number in range(8)]
    about["splits"] = {"train": names[:3], "unlabelled": names[3:6], "val": names[6:7], "test": names[7:]}
    (folder / "dataset.json").write_text(json.dumps(about))
    for name in names[3:6]:
        (folder / "masks" / f"{name}.png").unlink()
    install(tmp_path)
    return folder


def make_run(folder: Path, data: Path, **options: object) -> Path:
    RunSpec(recipe="ts-kd", options={**OPTIONS, **options}, data=(str(data),), device="cpu", seed=5).save(
        folder
    )
    return folder


def train(folder: Path) -> list[Any]:
    code = main([str(folder)])
    events = EventReader(folder).read()
    assert code == 0, events[-1]
    return events


def digests(data: Path, *names: str) -> set[str]:
    from napari_medkd.core.geometry import Plane

    images = (read_volume(data / "images" / f"{name}.png") for name in names)
    return {content_digest(np.ascontiguousarray(image.slice_uint8(Plane(0, 0)))) for image in images}


@pytest.mark.slow
def test_a_student_comes_of_it_that_needs_no_prompt(tmp_path, data):
    folder = make_run(tmp_path / "run", data)
    events = train(folder)
    assert [event.name for event in events if event.kind == "stage"] == list(STAGES)
    assert events[-1].kind == "finished" and 0 <= events[-1].summary["held_out_dice"] <= 1
    confident = [
        event.values for event in events if event.kind == "metric" and event.stage == "teacher's knowledge"
    ]
    assert set(confident[0]) == {"confidence_real", "confidence_synthetic"}
    _suggests(folder / "model", data)
    _left_nothing_out(folder)
    _saw_no_held_out(folder, data)


def _suggests(package: Path, data: Path) -> None:
    from napari_medkd.core.geometry import Plane
    from napari_medkd.inference import load_segmenter
    from napari_medkd.models.store import ModelStore

    card = ModelStore().add(package)
    assert card.capabilities == {"auto"} and [target.name for target in card.targets] == ["disc"]
    assert card.training_data[0].startswith("discs (3 labelled and 3 unlabelled cases).")
    assert card.parent == "small-teacher" and str(data) not in card.model_dump_json()
    segmenter = load_segmenter(card.id, device="cpu", runtime="onnx")
    (found,) = segmenter.propose(segmenter.embed(read_volume(data / "images" / "00.png"), Plane(0, 0)))
    assert found.masks[0].shape == (80, 80) and 0 <= found.scores[0] <= 1


def _left_nothing_out(folder: Path) -> None:
    provenance = json.loads((folder / "transfer" / "provenance.json").read_text())
    assert len(provenance["images"]) == 3 and provenance["pictures"] == 6
    assert {path.name for path in (folder / "transfer").iterdir()} == {
        "synthetic", "synthetic.png", "nearest.png", "provenance.json",
    }  # fmt: skip


def _saw_no_held_out(folder: Path, data: Path) -> None:
    manifest = Manifest.load(folder)
    labelled, unlabelled = digests(data, "00", "01", "02"), digests(data, "03", "04", "05")
    held_out = digests(data, "06", "07")
    assert set(manifest.stages) == set(STAGES)
    assert set(manifest.stages["teacher"].labelled) == labelled == set(manifest.stages["finetuning"].labelled)
    assert set(manifest.stages["pretraining"].unlabelled) == labelled | unlabelled
    assert set(manifest.stages["diffusion"].unlabelled) == labelled | unlabelled
    assert len(manifest.stages["pretraining"].synthetic) <= 3
    assert not manifest.learnt_from & held_out
    assert set(manifest.validation) == digests(data, "06")


class Stopping(EventWriter):
    """Asks the run to stop after the first checkpoint of a stage."""

    def __init__(self, folder: Path, stage: str) -> None:
        super().__init__(folder)
        self._folder, self._wanted, self._stage = folder, stage, ""

    def write(self, event: Any) -> None:
        super().write(event)
        if event.kind == "stage":
            self._stage = event.name
        if event.kind == "checkpoint" and self._stage == self._wanted:
            request_stop(self._folder)


@pytest.mark.slow
@pytest.mark.usefixtures("without_export")
def test_a_run_that_was_stopped_in_every_stage_ends_with_the_same_bits(tmp_path, data):
    whole, stopped = make_run(tmp_path / "whole", data), make_run(tmp_path / "stopped", data)
    train(whole)
    for stage in STAGES:
        with Stopping(stopped, stage) as writer:
            run(stopped, writer)
        (stopped / "stop").unlink()
    train(stopped)
    for name in (
        "model/model.safetensors",
        "parts/teacher.safetensors",
        "transfer/provenance.json",
        "manifest.json",
    ):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes(), name


@pytest.mark.usefixtures("without_export")
@pytest.mark.parametrize("kind", ["task-agnostic", "mae", "none"])
def test_a_control_is_an_option(tmp_path, data, kind):
    folder = make_run(tmp_path / kind, data, pretraining=kind, synthetic=False, labels=2)
    events = train(folder)
    stages = [event.name for event in events if event.kind == "stage"]
    assert stages == (["finetuning"] if kind == "none" else ["pretraining", "finetuning"])
    manifest = Manifest.load(folder)
    assert len(manifest.stages["finetuning"].labelled) == 2
    if kind != "none":
        assert len(manifest.stages["pretraining"].unlabelled) == 6


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"heads": 3}, "heads"),
        ({"teacher": ""}, "teacher"),
        ({"teacher": "no-such-model"}, "no-such-model"),
        ({"targets": [""]}, "targets"),
        ({"pairs": 9}, "blocks"),
    ],
)
def test_orders_that_cannot_be_followed_are_a_sentence(tmp_path, data, options, sentence):
    folder = make_run(tmp_path / "run", data, **options)
    with EventWriter(folder):
        assert main([str(folder)]) == 2
    failed = EventReader(folder).read()[-1]
    assert failed.kind == "failed" and sentence in failed.message
