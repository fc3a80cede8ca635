"""The comparison of recipes: arms that the recipes accept, a report that goes on, verdicts and tables."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import recipe_tables, recipes
from benchmarks.recipe_arms import EXPERIMENTS, KD_SAM, Arm, Experiment, Ordering
from benchmarks.recipe_report import Report
from src_training.evaluation import Question
from src_training.recipes import load
from tests.training.made import make_set
from tests.training.made_teacher import CARD, install

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=list(EXPERIMENTS))
def test_every_arm_is_one_that_its_recipe_accepts(experiment: Experiment) -> None:
    config = load()[experiment.recipe].config
    names = [arm.name for arm in experiment.arms]
    assert len(set(names)) == len(names)
    for arm in experiment.arms:
        config.model_validate({**experiment.shared, **arm.settings})
    for ordering in experiment.orderings:
        assert {ordering.better, ordering.worse} <= set(names)


def small() -> Experiment:
    shared = {
        "teacher": CARD.id,
        "backbone": "test_efficientnet",
        "size": 128,
        "neck_width": 16,
        "neck_blocks": 1,
        "encoder_steps": 1,
        "decoder_steps": 1,
        "batch_size": 2,
    }
    arms = Arm("whole", {"perceptual": "none"}), Arm("half", {"perceptual": "none", "decoder_steps": 0})
    return replace(
        KD_SAM, shared=shared, arms=arms, orderings=(Ordering("whole", "half", "why"),), train=3, validation=1
    )


def test_arms_are_trained_and_asked_once(tmp_path, monkeypatch, capsys):
    install(tmp_path)
    make_set(tmp_path / "discs", side=64)
    experiment = small()
    monkeypatch.setitem(EXPERIMENTS, "kd-sam", experiment)
    trained: list[Path] = []
    whole = recipes.train

    def train(folder: Path, writer: Any) -> Any:
        trained.append(folder)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return whole(folder, writer)

    monkeypatch.setattr(recipes, "train", train)
    command = [
        "--data",
        str(tmp_path),
        "--runs",
        str(tmp_path / "runs"),
        "--json",
        str(tmp_path / "out.json"),
    ]
    command += ["--experiments", "kd-sam", "--sets", "discs", "--seeds", "4"]
    with pytest.raises(KeyboardInterrupt):
        recipes.main(command)
    assert recipes.main(command) == 0 and recipes.main(command) == 0
    assert [folder.name for folder in trained] == ["whole-4", "half-4", "half-4"]
    own = json.loads((tmp_path / "out.json").read_text())["kd-sam"]
    figures = own["sets"]["discs"]
    assert set(figures["references"]) == {"filled box", "ellipse in the box", CARD.id}
    assert len(figures["arms"]["half"]["4"]["box"]) == len(figures["objects"]["box"]) == 2
    assert "held_out_iou" in str(figures["arms"]["whole"]["4"]["said"])
    table = recipe_tables.results(experiment, own)
    assert "| *filled box* |" in table and "| whole ≥ half | why |" in table
    assert "kd-sam discs whole 4: box" in capsys.readouterr().out


def test_figures_of_other_settings_are_not_mixed(tmp_path):
    path = tmp_path / "out.json"
    Report(path, KD_SAM).add("isic2018", "MSE", 0, {"box": [0.5]})
    Report(path, KD_SAM).add("busi", "MSE", 1, {"box": [0.25]})
    assert Report(path, KD_SAM).of("isic2018")["arms"] == {"MSE": {"0": {"box": [0.5]}}}
    with pytest.raises(SystemExit, match="other settings"):
        Report(path, replace(KD_SAM, train=5)).of("isic2018")


@pytest.mark.parametrize(
    ("shifts", "verdict"),
    [((0.1, 0.1, 0.1), "**holds**"), ((-0.1, -0.1, -0.1), "**reversed**"), ((0.3, 0.3, -0.05), "tie")],
)
def test_an_ordering_holds_where_the_interval_and_every_seed_say_so(shifts, verdict):
    worse = [0.3, 0.4, 0.5, 0.6]
    arms = {
        "worse": {str(seed): {"box": worse} for seed in range(3)},
        "better": {str(seed): {"box": [s + shift for s in worse]} for seed, shift in enumerate(shifts)},
    }
    experiment = replace(
        KD_SAM,
        arms=(Arm("better"), Arm("worse")),
        orderings=(Ordering("better", "worse", "why"),),
        questions={"box": Question("box")},
    )
    figures = {"objects": {"box": list("abcd")}, "references": {}, "arms": arms}
    *_, row = recipe_tables.results(experiment, {"sets": {"discs": figures}}).splitlines()
    assert row.startswith(f"| better ≥ worse | why | {verdict}: ")
    assert f"{sum(shift > 0 for shift in shifts)} of 3" in row and "%" in row


def test_beside_nothing_no_difference_is_told_in_per_cent():
    arms = {
        name: {"0": {"box": [dice] * 3, "one click": [dice] * 3}}
        for name, dice in (("MSE", 0.5), ("MSE + perceptual", 0.0))
    }
    figures = {"objects": {"box": list("abc"), "one click": list("abc")}, "references": {}, "arms": arms}
    ordering = Ordering("MSE", "MSE + perceptual", "why")
    experiment = replace(KD_SAM, orderings=(ordering,))
    *_, row = recipe_tables.results(experiment, {"sets": {"discs": figures}}).splitlines()
    assert "+50.0" in row and "%" not in row
