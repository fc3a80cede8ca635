"""Sets whose validation cases are learnt from: halves that together are all, and a test split left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import more_cases
from src_training.data import ImageMaskFolder
from tests.benchmarks.test_divisions import made

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _names(folder: Path, split: str) -> set[str]:
    return {case.name for case in ImageMaskFolder(folder, split)}


def test_each_half_is_learnt_from_once_and_the_test_split_never(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = made(tmp_path / "data" / "frames")
    before = {split: _names(frames, split) for split in ("train", "val", "test")}
    command = ["--data", str(frames.parent), "--out", str(tmp_path / "out"), "--sets", "frames"]
    assert more_cases.main([*command, "--sequences"]) == 0
    assert "0/frames: 7 train, 1 val, 2 test" in capsys.readouterr().out
    halves = [_names(tmp_path / "out" / fold / "frames", "val") for fold in ("0", "1")]
    assert halves[0] | halves[1] == before["val"] and not halves[0] & halves[1]
    for fold in ("0", "1", "all"):
        learnt = _names(tmp_path / "out" / fold / "frames", "train")
        assert (
            before["train"] < learnt and _names(tmp_path / "out" / fold / "frames", "test") == before["test"]
        )
    assert learnt == before["train"] | before["val"]
    assert {split: _names(frames, split) for split in before} == before  # what is linked to is not written


def test_a_copy_that_was_stopped_half_way_is_begun_anew(tmp_path: Path) -> None:
    frames = made(tmp_path / "frames")
    half = tmp_path / "out" / "frames.part" / "images"
    half.mkdir(parents=True)
    (half / "stray.png").write_bytes(b"")
    folder = more_cases.moved(frames, None, tmp_path / "out")
    pictures = {path.name for path in (frames / "images").iterdir()}
    assert {path.name for path in (folder / "images").iterdir()} == pictures and not half.exists()


def test_a_sequence_is_on_one_side_alone(tmp_path: Path) -> None:
    frames = made(tmp_path / "frames")
    halves = [more_cases.moved(frames, half, tmp_path / str(half), sequences=True) for half in (0, 1)]
    assert [len(_names(folder, "val")) for folder in halves] == [0, 2]  # both frames are of one sequence
