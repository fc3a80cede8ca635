"""The arms of ESP-MedSAM: settings that the recipe accepts, sets that were not learnt from, tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks import automatic_arms
from src_training.recipes import load
from tests.training.made import make_set

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TINY = {
    "modalities": {"discs": "skin"},
    "backbone": "test_efficientnet",
    "size": 128,
    "view": 64,
    "width": 16,
    "expert": 8,
    "steps": 2,
    "batch_size": 2,
    "validate_every": 2,
}


def test_every_arm_is_one_that_the_recipe_accepts() -> None:
    experiment = automatic_arms.EXPERIMENT
    for arm in experiment.arms:
        load()[experiment.recipe].config.model_validate({**experiment.shared, **arm.settings})
    names = {arm.name for arm in experiment.arms}
    assert all({ordering.better, ordering.worse} <= names for ordering in experiment.orderings)


def test_an_arm_is_asked_about_the_test_split_and_about_all_of_an_unseen_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(automatic_arms, "SHARED", {**automatic_arms.SHARED, **TINY})
    seen = make_set(tmp_path / "discs", side=64)
    unseen = make_set(tmp_path / "others", side=64, count=3)
    report = tmp_path / "report.json"
    command = ["--data", str(tmp_path), "--runs", str(tmp_path / "runs"), "--json", str(report)]
    command += ["--sets", seen.name, "--unseen", unseen.name, "--arms", "none", "--seeds", "1"]
    assert automatic_arms.main(command) == 0
    found = json.loads(report.read_text())["none"]["1"]
    assert len(found["others"]["dice"]) == 3 and len(found["discs"]["hd95"]) == 2
    assert capsys.readouterr().out.startswith("none, seed 1: discs ")
    assert automatic_arms.main(command) == 0 and capsys.readouterr().out == ""  # nothing is missing


def _found(dice: float, hd95: float) -> dict[str, Any]:
    return {"eyes": {"dice": [dice, dice], "hd95": [hd95, hd95 + 2]}}


def test_the_page_shows_scores_expectations_and_distances() -> None:
    report = {
        "none": {"0": _found(0.5, 20), "1": _found(0.6, 30)},
        "SPPG": {"0": _found(0.7, 10), "1": _found(0.8, 12)},
    }
    page = automatic_arms.page(report)
    assert "| SPPG | 0.750 [0.750, 0.750] (0.700–0.800) |" in page
    assert "**holds**: +20.0 [+20.0, +20.0], +36 %, 2 of 2" in page
    assert "| none | 26 [25, 27] |" in page and "| SPPG | 12 [11, 13] |" in page
