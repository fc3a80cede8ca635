"""The benchmark of a folder at once: its report and the tables that are made from it."""

import json

from benchmarks import batch as benchmark
from benchmarks.batch_tables import batch

RATE = {
    "bare_images_per_second": 10.0,
    "images": 200,
    "images_per_second": 9.0,
    "images_per_second_with_start": 8.0,
    "share": 0.9,
}
MANY = {
    "model": "small",
    "images": 5000,
    "done_when_killed": 2500,
    "in_hand_when_killed": 2,
    "status": "finished",
    "rows": {"done": 5000},
    "unfinished_files": 0,
    "first_run": {"from_mb": 900.0, "to_mb": 909.0, "most_mb": 910.0, "change": 0.01},
    "second_run": {},
}
LARGE = {
    "model": "auto",
    "side": 20000,
    "row": "done",
    "image_seconds": 61.2,
    "start_mb": 500,
    "peak_mb": 1700,
}


def test_the_tables_say_what_was_measured_and_no_more():
    report = {"machine": {"cores": 2}, "device": "cpu", "models": {"small": {"rate": RATE}, "other": {}}}
    page = batch(report)
    assert "| small | 10.00 | 9.00 | 0.90 | 8.00 |" in page and "other" not in page and "Killed" not in page
    page = batch(report | {"many": MANY, "large": LARGE})
    assert "+1.0% to 909 MB in the first run." in page and "5,000 done, 0 unfinished files" in page
    assert "20,000 × 20,000 pixels with auto: done in 61 s, 1,200 MB over the start" in page


def test_figures_of_other_calls_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "_measure", lambda name, model, *_: {"of": f"{name} {model}"})
    arguments = [
        "--data",
        str(tmp_path),
        "--json",
        str(tmp_path / "out.json"),
        "--keep",
        "--models",
        "a",
        "b",
    ]
    benchmark.main([*arguments, "--what", "rate"])
    benchmark.main([*arguments, "--what", "workers", "large"])
    report = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert report["models"] == {
        name: {"rate": {"of": f"rate {name}"}, "workers": {"of": f"workers {name}"}} for name in "ab"
    }
    assert report["large"] == {"of": "large a"}
