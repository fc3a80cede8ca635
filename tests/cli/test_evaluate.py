"""``medkd evaluate`` on made folders, with the model that thresholds."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.doubles import ThresholdSegmenter


@pytest.fixture
def folder(tmp_path, disc):
    """Two images of a disc, one of them in the split ``test``."""
    root = tmp_path / "toy"
    for part, bright in (("images", 220), ("masks", 255)):
        (root / part).mkdir(parents=True)
        for name in "ab":
            Image.fromarray(np.where(disc, bright, 0).astype(np.uint8)).save(root / part / f"{name}.png")
    (root / "dataset.json").write_text(json.dumps({"splits": {"test": ["b"]}}))
    return root


def test_a_report_is_written_and_a_table_printed(medkd, segmenter, folder, tmp_path):
    out = tmp_path / "report.json"
    result = medkd("evaluate", folder, "--prompts", "click", "--model", "any", "--json", out)
    assert result.code == 0, result.err
    report = json.loads(out.read_text())
    assert report["model"] == "threshold" and report["prompts"] == "click" and report["cap"] == 20
    assert [row["case"] for row in report["rows"]] == ["b"]
    assert report["sets"]["toy"]["figures"]["noc85"]["mean"] == 1.0
    for words in ("toy", "Dice", "HD95", "Clicks to IoU 0.85", "1.000", "threshold on numpy"):
        assert words in result.out
    assert segmenter.closed


def test_the_split_is_test_unless_there_is_none(medkd, segmenter, folder):
    assert medkd("evaluate", folder, "--split", "all").code == 0
    assert len(segmenter.embedded) == 2
    (folder / "dataset.json").unlink()
    result = medkd("evaluate", folder, "--limit", "1")
    assert "every image with a mask is taken" in result.err and len(segmenter.embedded) == 3
    refused = medkd("evaluate", folder, "--split", "val")
    assert refused.code == 2 and "dataset.json" in refused.err


def test_a_model_that_knows_only_boxes_is_said_to(medkd, monkeypatch, folder, tmp_path):
    double = ThresholdSegmenter(capabilities=frozenset({"box"}))
    monkeypatch.setattr("napari_medkd.cli.answering.load_segmenter", lambda *args, **kwargs: double)
    out = tmp_path / "report.json"
    result = medkd("evaluate", folder, "--prompts", "click", "--json", out)
    assert result.code == 0 and "box only" in result.err
    assert json.loads(out.read_text())["unanswered"] == "box only"
    auto = medkd("evaluate", folder, "--prompts", "auto")
    assert auto.code == 2 and "without a prompt" in auto.err and double.closed


def test_what_cannot_be_done_is_said_before_the_model_works(medkd, segmenter, folder, tmp_path):
    assert medkd("evaluate", folder, "--json", tmp_path / "no" / "report.json").code == 2
    assert medkd("evaluate", folder, "--json", tmp_path).code == 2
    assert medkd("evaluate", folder, folder).code == 2
    assert medkd("evaluate", tmp_path / "nowhere").code == 2
    assert medkd("evaluate", folder, "--clicks", "0").code == 2
    assert segmenter.embedded == []


def test_everything_as_one_object(medkd, segmenter, folder, tmp_path, disc):
    two = disc | np.roll(disc, -24, axis=1)
    Image.fromarray((two * 255).astype(np.uint8)).save(folder / "masks" / "b.png")
    out = tmp_path / "report.json"
    assert medkd("evaluate", folder, "--json", out).code == 0
    assert len(json.loads(out.read_text())["rows"]) == 2
    assert medkd("evaluate", folder, "--whole", "--json", out).code == 0
    assert [row["pixels"] for row in json.loads(out.read_text())["rows"]] == [int(two.sum())]


def test_noise_is_asked_for(medkd, segmenter, folder, tmp_path):
    reports = []
    for seed in (0, 1, 0):
        out = tmp_path / "report.json"
        assert medkd("evaluate", folder, "--noisy", "--seed", seed, "--json", out).code == 0
        reports.append(json.loads(out.read_text())["rows"])
    assert reports[0] == reports[2]
    boxes = [prompt.box for prompt in segmenter.asked]
    assert boxes[0] == boxes[2] != boxes[1]
