"""The benchmark of models on made sets, and the tables that are made from its report."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from PIL import Image

from benchmarks import accuracy, accuracy_tables
from benchmarks.tables import fill
from tests.doubles import ThresholdSegmenter

MODELS = {
    "student": ThresholdSegmenter(id="student"),
    "litemedsam": ThresholdSegmenter(id="litemedsam", capabilities=frozenset({"box"})),
}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A square in each of the five sets of the goals."""
    monkeypatch.setattr(accuracy, "load_segmenter", lambda model, **options: MODELS[model])
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:22] = 255
    for name in accuracy.CLICKED:
        for part in ("images", "masks"):
            (tmp_path / name / part).mkdir(parents=True)
            Image.fromarray(mask).save(tmp_path / name / part / "a.png")
        (tmp_path / name / "dataset.json").write_text(json.dumps({"splits": {"test": ["a"]}}))
    return tmp_path


def measure(data, *arguments):
    out = data / "models.json"
    assert accuracy.main(["--data", str(data), "--json", str(out), *arguments]) == 0
    return json.loads(out.read_text())


def test_every_model_is_asked_for_everything_in_one_call(data, capsys):
    report = measure(data, "--models", "student", "litemedsam", "--sets", *accuracy.CLICKED)
    assert report["models"]["student"]["means"] == {
        "box": 1.0,
        "one_click": 1.0,
        "noc85": 1.0,
        "noc85_isic2018": 1.0,
        "noc85_shenzhen_cxr": 1.0,
        "noc85_noisy": 1.0,
    }
    assert report["models"]["litemedsam"]["means"]["box"] == 1.0
    assert report["models"]["litemedsam"]["means"]["noc85"] is None
    assert report["models"]["litemedsam"]["sets"]["busi"]["click"] == {"unanswered": "box only"}
    printed = capsys.readouterr().out
    assert "student busi: box 1.000 (filled 1.000), 1/3/5 clicks 1.000/1.000/1.000" in printed
    assert "litemedsam busi: box 1.000 (filled 1.000), box only" in printed


def test_a_report_can_be_filled_by_several_calls(data):
    measure(data, "--models", "student", "--sets", "busi")
    report = measure(data, "--models", "student", "litemedsam", "--sets", "isic2018", "--keep")
    assert list(report["models"]["student"]["sets"]) == ["busi", "isic2018"]
    assert report["models"]["student"]["means"]["box"] is None, "two of the four sets are not there"
    with pytest.raises(SystemExit, match="another split or limit"):
        measure(data, "--models", "student", "--sets", "busi", "--keep", "--limit", "1")


def test_rows_are_written_where_they_are_asked_for(data):
    measure(data, "--models", "student", "--sets", "busi", "--rows", str(data / "rows"))
    rows = json.loads((data / "rows" / "student-busi-noisy.json").read_text())["rows"]
    assert [row["case"] for row in rows] == ["a"] and rows[0]["clicks"]["noc"]["85"] == 1


def test_means_need_every_set():
    sets = {name: {"box": {"dice": {"mean": 0.8}}} for name in accuracy.MAIN}
    assert accuracy.means(sets)["box"] == pytest.approx(0.8)
    assert math.isnan(accuracy.means(sets)["one_click"])
    assert math.isnan(accuracy.means({})["box"])


def test_the_tables_say_what_was_measured(data):
    report = measure(data, "--models", "student", "litemedsam", "--sets", *accuracy.CLICKED)
    report["models"]["student"]["means"]["noc85"] = 9.0
    report["models"]["student"]["sets"]["busi"]["click"]["failures"]["85"] = 4
    page = fill("x\n<!-- models -->\nold\n<!-- /models -->\ny", "models", accuracy_tables.models(report))
    assert "old" not in page and page.startswith("x\n") and page.endswith("\ny")
    assert "| ≥ 1.000 (LiteMedSAM) | 1.000 | 1.000 |" in page
    assert "| ≤ 4.5 | *9.000* | – |" in page, "a missed goal is seen"
    assert "| student | busi | 1.000 | 1.000 | 1.000 | 1.00 | 1.00 (4) | 1.00 | 1.00 |" in page
    assert "| litemedsam | all | box only |" in page
    assert "| busi | 1 (1) | 1.000 |" in page
    widths = {line.count("|") for line in page.splitlines() if line.startswith("| student")}
    assert widths == {10}
    held_out = accuracy_tables.generalisation(report)
    assert "| busi | student | 1.000 | 1.000 | 1.000 | 1.00 (4) |" in held_out
    assert "| busi | litemedsam | 1.000 | 1.000 | box only |  |" in held_out
