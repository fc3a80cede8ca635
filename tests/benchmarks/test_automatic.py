"""The benchmark of models that prompt themselves: kinds told and doubted, and how the page says it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import automatic, automatic_tables, unet
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question
from tests.training.made import make_set

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Teller:
    """Says what it was told to say of one image after another."""

    def __init__(self, *odds: dict[str, float]) -> None:
        self._odds: Iterator[dict[str, float]] = iter(odds)

    def embed(self, volume: Any, plane: Any) -> None:
        """Remember nothing."""

    def modality_of(self, embedding: Any) -> dict[str, float]:
        """Say the next."""
        return next(self._odds)


@pytest.fixture
def folder(tmp_path: Path) -> ImageMaskFolder:
    return ImageMaskFolder(make_set(tmp_path / "made", count=3))


def test_kinds_are_counted_as_right_wrong_and_doubted(folder: ImageMaskFolder) -> None:
    right, other = folder.modality, "xray"
    teller: Any = Teller({right: 0.9, other: 0.1}, {right: 0.6, other: 0.4}, {other: 0.95, right: 0.05})
    assert automatic.routed(teller, folder) == {"cases": 3, "right": 2, "doubted": 1, "taken_for": [other]}


def test_a_model_without_kinds_tells_none_and_is_doubted_always(folder: ImageMaskFolder) -> None:
    found = automatic.doubts(Teller({}, {}, {}), folder.folder.parent, ["made"])  # type: ignore[arg-type]
    assert found["made"]["doubted"] == 3 and found["made"]["right"] == 3 * (folder.modality == "")


def test_a_u_net_learns_for_as_long_as_it_is_told_and_answers(
    folder: ImageMaskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = folder.folder / "dataset.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "modality": "skin"}))
    clock = iter([100.0, 100.0, 104.0, 109.0, 110.0])  # the start, then before each step
    monkeypatch.setattr(unet, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    segmenter, steps = unet.trained(folder.folder, 10.0, size=64, view=32)
    found = automatic._asked(segmenter, folder, Question("auto"))
    assert steps == 3 and found["objects"] == 3


def test_the_page_says_how_often_the_kind_is_doubted() -> None:
    dice = {"mean": 0.8, "low": 0.7, "high": 0.9}
    told = {"cases": 10, "right": 9, "doubted": 2, "taken_for": ["mr"]}
    one = {"goal": 0.9, "routed": told, "automatic": {"dice": dice, "hd95": {"mean": 5.0}}}
    report = {
        "model": "medkd-auto",
        "split": "test",
        "sets": {"busi": one},
        "means": {"automatic": 0.8, "routed": 0.9},
        "strangers": {"chaos_ct": {"cases": 4, "right": 0, "doubted": 3, "taken_for": ["mr"] * 4}},
    }
    report["runtime"] = "ONNX Runtime, CPU, 2 threads"
    report["seconds"] = {"busi": {"median": 0.2}, "drive": {"median": 0.3}}
    page = automatic_tables.automatic(report)
    assert "takes 0.20 (busi) to 0.30 s (drive), end to end (ONNX Runtime, CPU, 2 threads)." in page
    assert "| busi (10) | ≥ 0.900 | *0.800 [0.700, 0.900]* |" in page
    assert "doubts the kind of 2 of these 10 images" in page
    assert "of 3 of 4 that are of no kind it knows (chaos_ct 3 of 4)" in page
