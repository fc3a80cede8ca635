"""What one search trained, side by side: every kept network asked, the stages' minutes, the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import search_front
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import EventWriter, Finished, Stage
from src_training.search.found import FRONT, Front, Point, keep
from src_training.search.outcome import OUTCOME, Figures
from tests.training.made import make_set

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run whose kept networks are the shipped student, linked twice."""
    folder = tmp_path / "run"
    shipped = next(iter(ModelStore().files("medkd-fast").values())).parent
    points: list[Point] = []
    for name, kind, package in (("found", "found", "others/found"), ("distilled", "distilled", "model")):
        (folder / package).parent.mkdir(parents=True, exist_ok=True)
        (folder / package).symlink_to(shipped)
        time = 9 + len(points)
        points.append(
            Point(name=name, kind=kind, milliseconds=time, parameters=10**6, iou=0.7, package=package)
        )
    points.append(Point(name="RepViT-M1", kind="known", milliseconds=20, parameters=10**7))
    keep(folder, FRONT, Front(points=tuple(points)))
    keep(folder, OUTCOME, Figures(figures={"encoder_ms": 10.0, "target_ms": 9.5}))
    with EventWriter(folder) as writer:
        writer.write(Stage(name="search", index=0, count=2, steps=1, t=60.0))
        writer.write(Stage(name="retrain", index=1, count=2, steps=1, t=180.0))
        writer.write(Finished(summary={}, t=210.0))
    return folder


def test_every_network_that_was_kept_is_asked(run, tmp_path):
    data = make_set(tmp_path / "discs", side=64, count=10)
    about = json.loads((data / "dataset.json").read_text())
    about["splits"] = {"train": ["00", "01"], "test": ["08", "09"]}
    (data / "dataset.json").write_text(json.dumps(about))
    report = tmp_path / "front.json"
    assert search_front.main([str(run), "--data", str(data), "--json", str(report)]) == 0
    found = json.loads(report.read_text())
    assert list(found["networks"]) == ["found", "distilled"]  # in the order of their time; one was not kept
    assert set(found["images"]) == {"08", "09"} and found["minutes"] == {"search": 2.0, "retrain": 0.5}
    dices = found["networks"]["found"]["dice"]
    assert len(dices["box"]) == len(dices["click"]) == len(found["filled_box"]) == len(found["images"])
    assert min(dices["box"]) > 0.5
    page = search_front.page(found)
    assert "| found | 9.0 | 1.00 |" in page and "+0.0 [+0.0, +0.0]" in page
    assert "Wanted: 9.5 ms; measured at the end: 10.0 ms" in page and "| retrain | 0.5 |" in page


def test_a_run_that_is_not_finished_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="no finished run"):
        search_front.main([str(tmp_path), "--data", str(tmp_path), "--json", str(tmp_path / "o.json")])
