"""``medkd segment --propagate`` and ``medkd evaluate --volume`` with the model that thresholds."""

import json

import nibabel
import numpy as np
import pytest

from tests.standing_still import stand_still

AFFINE = np.array([[0.9, -0.2, 0.1, 5], [0.2, 1.1, 0, -7], [0, 0.3, 2.5, 11], [0, 0, 0, 1.0]])


@pytest.fixture(autouse=True)
def still(monkeypatch):
    stand_still(monkeypatch)


@pytest.fixture
def scan(tmp_path):
    """A block of 16 by 18 pixels on slices 2 to 7 of 10 along z, oblique; nibabel's order x, y, z."""
    data = np.zeros((34, 36, 10), np.int16)
    data[8:24, 9:27, 2:8] = 500
    nibabel.save(nibabel.Nifti1Image(data, AFFINE), tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz", data > 0


def options(source, out, *more):
    return (
        *("segment", source, "--slice", 5, "--box", "8,9,23,26", "--window", "0,500"),
        *("--out", out, "--json", "--propagate", *more),
    )


def test_a_box_on_one_slice_becomes_the_object(medkd, segmenter, scan, tmp_path):
    source, truth = scan
    outcome = medkd(*options(source, tmp_path / "mask.nii.gz"))
    assert outcome.code == 0, outcome.err
    mask = nibabel.load(tmp_path / "mask.nii.gz")
    np.testing.assert_allclose(mask.affine, AFFINE, atol=1e-5)
    assert np.array_equal(np.asarray(mask.dataobj).any(axis=(0, 1)), truth.any(axis=(0, 1)))
    found = outcome.json["volume"]
    assert [one["slice"] for one in found["slices"]] == [2, 3, 4, 5, 6, 7]
    assert [one["confidence"] is None for one in found["slices"]].index(True) == 3
    assert {one["slice"] for one in found["ends"]} == {2, 7} and "found" in found["ends"][0]["why"]
    assert found["ml"] == pytest.approx(found["voxels"] * abs(np.linalg.det(AFFINE)) / 1000, rel=1e-3)


def test_a_range_is_a_box_in_three_dimensions(medkd, segmenter, scan, tmp_path):
    source, _ = scan
    outcome = medkd(*options(source, tmp_path / "mask.nii.gz", "--range", "4,6"))
    assert [one["slice"] for one in outcome.json["volume"]["slices"]] == [4, 5, 6]


@pytest.mark.parametrize(
    ("more", "word"), [(("--range", "6,4"), "holds no slice"), (("--range", "4"), "FIRST,LAST")]
)
def test_a_range_that_makes_no_sense(medkd, segmenter, scan, tmp_path, more, word):
    outcome = medkd(*options(scan[0], tmp_path / "mask.nii.gz", *more))
    assert outcome.code == 2 and word in outcome.err


def test_options_that_contradict_each_other(medkd, segmenter, scan, tmp_path):
    out = tmp_path / "mask.nii.gz"
    alone = medkd("segment", scan[0], "--slice", 5, "--box", "8,9,23,26", "--range", "1,2", "--out", out)
    assert alone.code == 2 and "--propagate" in alone.err
    auto = medkd("segment", scan[0], "--slice", 5, "--auto", "--propagate", "--out", out)
    assert auto.code == 2 and "--propagate" in auto.err


@pytest.fixture
def folder(scan, tmp_path):
    root = tmp_path / "set"
    data = np.asarray(nibabel.load(scan[0]).dataobj)
    for part, array in (("images", data), ("labels", (data > 0).astype(np.uint8))):
        (root / part).mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(array, AFFINE), root / part / "v.nii.gz")
    return root


@pytest.mark.parametrize("rule", ["motion", "previous-box"])
def test_a_volume_is_measured_by_one_box(medkd, segmenter, folder, tmp_path, rule):
    out = tmp_path / "report.json"
    outcome = medkd("evaluate", folder, "--volume", "--rule", rule, "--ranged", "--json", out)
    assert outcome.code == 0, outcome.err
    report = json.loads(out.read_text())
    (row,) = report["rows"]
    assert (row["start"], row["slices"], row["found"], row["axis"]) == (5, 6, 6, 0)
    assert row["dice"] > 0.95 and row["to_correct"] == 0 and row["nsd"] > 0.95
    assert report["rule"] == rule and report["means"]["set"]["n"] == 1
    assert "NSD 2 mm" in outcome.out and segmenter.closed


def test_the_worst_slices_are_corrected_one_by_one(medkd, segmenter, folder, tmp_path):
    labels = folder / "labels" / "v.nii.gz"
    truth = np.asarray(nibabel.load(labels).dataobj).copy()
    truth[..., 7] = 0  # what the model sees there is none of the object
    nibabel.save(nibabel.Nifti1Image(truth, AFFINE), labels)
    out = tmp_path / "report.json"
    outcome = medkd("evaluate", folder, "--volume", "--corrections", 2, "--json", out)
    assert outcome.code == 0, outcome.err
    report = json.loads(out.read_text())
    (row,) = report["rows"]
    assert row["dice"] < 0.95 and row["corrected"] == [1.0], "nothing was left to correct the second time"
    means = report["means"]["set"]
    assert means["corrected_1"] == 1 and "corrected_2" not in means
    assert "2 corrected" in outcome.out and "–" in outcome.out
    truth[18:, :, 2:4] = 0
    nibabel.save(nibabel.Nifti1Image(truth, AFFINE), labels)
    medkd("evaluate", folder, "--volume", "--corrections", 2, "--json", out)
    (row,) = json.loads(out.read_text())["rows"]
    assert row["dice"] < row["corrected"][0] < row["corrected"][1] < 1
    wrong = medkd("evaluate", folder, "--volume", "--corrections", 1, "--rule", "previous-box")
    assert wrong.code == 2 and "corrections" in wrong.err


def test_what_goes_with_volumes_only_is_said(medkd, segmenter, folder):
    assert "--volume" in medkd("evaluate", folder, "--ranged").err
    assert "boxes" in medkd("evaluate", folder, "--volume", "--prompts", "click").err
