"""EfficientMedSAM for real, tiny: searched, derived to a target, retrained, distilled, stopped, resumed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.inference import load_segmenter
from napari_medkd.io import read_volume
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import EventReader, Metric, RunSpec
from src_training import checkpoint, loop
from src_training.__main__ import main
from src_training.search.found import Found, Front, Priced, kept, read_trajectory
from src_training.search.stopwatch import Stopwatch
from tests.training.made import make_set
from tests.training.made_teacher import CARD, install

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {
    "name": "small",
    "teacher": CARD.id,
    "size": 128,
    "search_size": 64,
    "widths": "tiny",
    "nodes": [0, 0, 1, 1, 1],
    "operations": ["ds3", "mb3_e4", "fmb_e4", "skip", "none"],
    "downs": ["conv3", "ds3"],
    "neck_width": 16,
    "search_steps": 4,
    "retrain_steps": 2,
    "distil_steps": 2,
    "lessons": 3,
    "batch_size": 2,
    "validate_every": 9,
    "checkpoint_every": 1,
}
TARGET = 8.0


@pytest.fixture(autouse=True)
def timing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time be weights, so that every computer finds the same encoder at once."""

    def milliseconds(self: Any, network: Any, *shapes: Any, seconds: float | None = None) -> float:
        return 1.1 * sum(p.numel() for p in network.parameters()) / 1e4

    monkeypatch.setattr(Stopwatch, "milliseconds", milliseconds)
    monkeypatch.setattr("src_training.recipes.efficient_medsam_stages.KNOWN", {})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    install(tmp_path)
    return make_set(tmp_path / "discs")


def make_run(folder: Path, data: Path, **options: Any) -> Path:
    spec = RunSpec(
        recipe="efficient-medsam", options={**OPTIONS, **options}, data=(str(data),), device="cpu", seed=3
    )
    spec.save(folder)
    return folder


def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src_training.run.export", lambda model, card, config, context, *_: context.folder)


def figures(folder: Path, stage: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for event in EventReader(folder).read():
        if isinstance(event, Metric) and event.stage == stage:
            found |= event.values
    return found


@pytest.mark.slow
def test_a_network_is_found_for_a_time_and_the_product_takes_it_in(tmp_path, data):
    run = make_run(tmp_path / "run", data, target_ms=TARGET, rivals=1)
    assert main([str(run)]) == 0, EventReader(run).read()[-1]
    found = kept(run, "architecture.json", Found)
    assert found is not None and abs(found.measured - TARGET) <= 0.2 * TARGET
    said = figures(run, "outcome")
    assert said["encoder_ms"] == pytest.approx(found.measured, rel=1e-3) and said["target_ms"] == TARGET
    assert {"ap", "ap50", "ap75", "dice", "filled_box_ap"} <= said.keys()
    assert {"divergence", "similarity"} <= figures(run, "distil").keys()
    card = ModelStore().add(run / "model")
    assert card.metrics["encoder_ms"] == said["encoder_ms"] and card.architecture.encoder == "searched"
    front = kept(run, "front.json", Front)
    assert front is not None and [p.kind for p in front.points] == ["random", "found", "distilled"]
    assert front.points[0].milliseconds == pytest.approx(TARGET, rel=0.2)
    assert [p.package for p in front.points] == ["others/random-1", "others/found", "model"]
    others = [ModelStore().add(run / place) for place in ("others/random-1", "others/found")]
    assert [one.id for one in others] == ["small-random-1", "small-found"]
    assert others[0].metrics["encoder_ms"] == front.points[0].milliseconds
    page = (run / "search.html").read_text(encoding="utf-8")
    assert "others/random-1" in page and "polyline" in page and "circle" in page and str(tmp_path) not in page
    segmenter = load_segmenter("small", device="cpu", runtime="onnx")
    volume = read_volume(data / "images" / "00.png")
    answer = segmenter.predict(
        segmenter.embed(volume, Plane(0, 0)), Prompt(Plane(0, 0), points=(Point(40, 40),))
    )
    assert answer.masks[0].shape == (80, 80) and np.isfinite(answer.scores).all()


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "step"), [(0, 3), (2, 1)])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, data, monkeypatch, stage, step):
    without_export(monkeypatch)
    options = {"target_ms": TARGET, "paths": 2}
    whole, halved = (make_run(tmp_path / name, data, **options) for name in ("whole", "halved"))
    assert main([str(whole)]) == 0, EventReader(whole).read()[-1]

    class Stopping(loop.Fit):
        def _agreed(self, value: Any) -> Any:
            return (self._number, self._step) == (stage, step) if value is False else value

    monkeypatch.setattr("src_training.run.Fit", Stopping)
    assert main([str(halved)]) == 0
    stopped = checkpoint.load(halved)
    assert stopped is not None and (stopped["stage"], stopped["step"]) == (stage, step)
    monkeypatch.setattr("src_training.run.Fit", loop.Fit)
    assert main([str(halved)]) == 0
    one, other = (checkpoint.load(run) for run in (whole, halved))
    assert one is not None and other is not None
    assert all(torch.equal(value, other["average"][name]) for name, value in one["average"].items())
    assert kept(whole, "architecture.json", Found) == kept(halved, "architecture.json", Found)
    assert read_trajectory(whole) == read_trajectory(halved)


def test_weights_learn_alone_at_first_and_alpha_on_the_other_half(tmp_path, data, monkeypatch):
    without_export(monkeypatch)
    run = make_run(tmp_path / "run", data, distil_steps=0, search_warm_up=0.5, target_gmac=0.02)
    way: dict[int, dict[str, torch.Tensor]] = {}

    class Watching(loop.Fit):
        def _report(self, values: Any) -> None:
            if self._number == 0:
                way[self._step] = {n: v.clone() for n, v in self._stage.task.state_dict().items()}
            super()._report(values)

    monkeypatch.setattr("src_training.run.Fit", Watching)
    assert main([str(run)]) == 0, EventReader(run).read()[-1]
    alpha = "student.image_encoder.alpha.s2_0_1"
    weight = "student.image_encoder.mixtures.s2_0_1.candidates.0.operation.depth_conv.conv.weight"
    assert torch.equal(way[1][alpha], way[2][alpha]) and not torch.equal(way[2][alpha], way[3][alpha])
    assert not torch.equal(way[1][weight], way[2][weight])
    frozen = [name for name in way[1] if name.startswith("student.prompt_encoder")]
    assert all(torch.equal(way[1][name], way[4][name]) for name in frozen)
    assert figures(run, "derive")["measured_gmac"] == pytest.approx(0.02, rel=0.2)
    assert "expected_cost" in figures(run, "search")


def test_the_controls_need_no_search_and_the_joint_one_no_halves(tmp_path, data, monkeypatch):
    without_export(monkeypatch)
    short = {"retrain_steps": 1, "distil_steps": 0, "search_steps": 2}
    plans = {}
    for how in ("random", "fixed"):
        run = make_run(tmp_path / how, data, architecture=how, target_ms=TARGET, **short)
        assert main([str(run)]) == 0, EventReader(run).read()[-1]
        found = kept(run, "architecture.json", Found)
        assert found is not None and found.measured == pytest.approx(TARGET, rel=0.2)
        assert not (run / "alpha.jsonl").exists()
        plans[how] = found.encoder
    assert plans["random"] != plans["fixed"]
    joint = make_run(tmp_path / "joint", data, joint=True, **short)
    assert main([str(joint)]) == 0, EventReader(joint).read()[-1]
    way = read_trajectory(joint)
    assert way[1] != way[2]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"target_ms": 0.01}, "cheapest encoder"),
        ({"operations": ["magic"]}, "magic"),
        ({"teacher": "nobody"}, "nobody"),
        ({"size": 100}, "size"),
    ],
)
def test_orders_that_cannot_be_followed_are_a_sentence(tmp_path, data, options, sentence):
    run = make_run(tmp_path / "run", data, **options)
    assert main([str(run)]) == 2
    failed = EventReader(run).read()[-1]
    assert failed.kind == "failed" and sentence in failed.message


def test_a_table_is_kept_for_every_later_run(tmp_path, data, monkeypatch, medkd_home):
    without_export(monkeypatch)
    short = {"retrain_steps": 1, "distil_steps": 0, "architecture": "random", "target_ms": TARGET}
    assert main([str(make_run(tmp_path / "one", data, **short))]) == 0
    (table,) = (medkd_home / "latency").iterdir()
    before = table.stat().st_mtime_ns
    assert json.loads(table.read_text())["nothing"] > -1
    assert main([str(make_run(tmp_path / "two", data, **short))]) == 0
    assert table.stat().st_mtime_ns == before


def test_stages_are_as_wide_as_the_target_needs(tmp_path, data, monkeypatch):
    without_export(monkeypatch)
    short = {"retrain_steps": 1, "distil_steps": 0, "architecture": "random", "widths": "auto"}
    target, chosen = TARGET, []
    for name in ("one", "two"):
        run = make_run(tmp_path / name, data, target_ms=target, **short)
        assert main([str(run)]) == 0, EventReader(run).read()[-1]
        priced, found = kept(run, "costs.json", Priced), kept(run, "architecture.json", Found)
        assert priced is not None and found is not None
        assert found.measured == pytest.approx(target, rel=0.2)
        chosen.append(priced.widths)
        dearest = priced.scale * (priced.shared + sum(max(own.values()) for own in priced.costs.values()))
        target = 0.8 * dearest  # within what these widths can take, and too near it to leave a choice
    assert chosen == ["tiny", "small"]
