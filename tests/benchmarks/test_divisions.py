"""A set divided by its sequences: no sequence on both sides, every case asked about once, and the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks import divisions
from src_training.data import ImageMaskFolder
from src_training.recipes import load
from tests.benchmarks.test_automatic_arms import TINY
from tests.training.made import make_set

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def made(folder: Path) -> Path:
    """Make a set of five sequences of two frames, the last of which is for the test."""
    make_set(folder, side=64, count=10)
    names = {}
    for old in sorted(path.stem for path in (folder / "images").iterdir()):
        names[old] = f"seq{len(names) // 2}_{len(names) % 2}"
        for kind in ("images", "masks"):
            for path in (folder / kind).glob(f"{old}.*"):
                path.rename(path.with_stem(names[old]))
    about = json.loads((folder / "dataset.json").read_text())
    frames = list(names.values())
    about["splits"] = {"train": frames[:6], "val": frames[6:8], "test": frames[8:]}
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


def test_every_way_is_one_that_the_recipe_accepts() -> None:
    for settings in divisions.WAYS.values():
        load()["esp-medsam"].config.model_validate({**divisions.SHARED, **settings})


def test_no_sequence_is_on_both_sides_and_the_test_split_is_on_none(tmp_path: Path) -> None:
    folders = divisions.divided(made(tmp_path / "polyps"), 3, tmp_path / "sets")
    asked: list[str] = []
    for folder in folders:
        held = [case.name for case in ImageMaskFolder(folder, "test")]
        learnt = [case.name for case in ImageMaskFolder(folder, "train")]
        assert not {name[:4] for name in held} & {name[:4] for name in learnt}
        assert len(held) + len(learnt) == 8
        asked += held
    assert sorted(asked) == [f"seq{number}_{frame}" for number in range(4) for frame in range(2)]


def test_every_part_is_asked_about_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = {**TINY, "modalities": {f"polyps-{part}": "skin" for part in range(2)}}
    monkeypatch.setattr(divisions, "SHARED", {**divisions.SHARED, **tiny})
    made(tmp_path / "polyps")
    report = tmp_path / "report.json"
    command = ["--data", str(tmp_path), "--runs", str(tmp_path / "runs"), "--json", str(report)]
    command += ["--set", "polyps", "--parts", "2", "--ways", "from ImageNet"]
    assert divisions.main(command) == 0
    found = json.loads(report.read_text())["from ImageNet"]
    assert [len(found[part]["cases"]) for part in ("0", "1")] == [4, 4]
    assert len({name for part in found.values() for name in part["cases"]}) == 8
    assert capsys.readouterr().out.startswith("from ImageNet, part 0: ")
    assert divisions.main(command) == 0 and capsys.readouterr().out == ""  # nothing is missing


def test_the_table_pairs_case_by_case() -> None:
    def part(*dice: float) -> dict[str, Any]:
        return {"cases": [f"seq{number}_1" for number in range(len(dice))], "dice": list(dice)}

    page = divisions.page({"plain": {"0": part(0.5, 0.7)}, "taught": {"0": part(0.6, 0.8)}})
    assert "| plain | 0.600 [0.500, 0.700] | 0.600 |  |" in page
    assert "| taught | 0.700 [0.600, 0.800] | 0.700 | +10.0 [+10.0, +10.0] |" in page
    assert "2 cases" in page and "2 sequences" in page
