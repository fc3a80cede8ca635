"""The promises about real files: valid ones open, damaged ones are refused with a sentence, none crashes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks import robustness
from napari_medkd.core.geometry import Plane
from napari_medkd.errors import GeometryMismatch, UnreadableFile
from napari_medkd.io import read_labels, read_volume

# DICOM objects that are no images, and one image that its makers cut off.
_REFUSED = {"badVR.dcm", "MR_truncated.dcm", "meta_missing_tsyntax.dcm", "liver_1frame.dcm", "reportsi.dcm"}
_REFUSED |= {"rtdose_1frame.dcm", "waveform_ecg.dcm", "rt.dcm", "invalid_reference_rt.dcm"}
_REFUSED |= {"liver.dcm", "partial_overlaps.dcm", "seg"}


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["derived", "valid_odd", "damaged_but_readable"])
def test_valid_files_open(shared_data, folder):
    rows = list(robustness.examine(shared_data / "robustness" / folder))
    assert len(rows) > 8
    assert [row.path for row in rows if row.outcome != "opened"] == []


def test_corrupt_files_are_refused_with_a_sentence(shared_data):
    rows = list(robustness.examine(shared_data / "robustness" / "corrupt"))
    single = [row for row in rows if not row.path.startswith("mask_mismatch")]
    assert len(single) > 20
    assert [row for row in single if row.outcome != "refused"] == []
    assert all("Traceback" not in row.detail and len(row.detail) > 30 for row in single)


@pytest.mark.parametrize(
    ("mask", "error"), [("mask_wrong_size.png", GeometryMismatch), ("mask_not_binary.png", UnreadableFile)]
)
def test_masks_that_do_not_belong_are_refused(shared_data, mask, error):
    folder = shared_data / "robustness" / "corrupt" / "mask_mismatch"
    with pytest.raises(error):
        read_labels(folder / mask, like=read_volume(folder / "image.png"))


@pytest.mark.slow
def test_dicom_images_open_and_other_objects_are_named(shared_data):
    rows = list(robustness.examine(shared_data / "dicom"))
    assert not [row for row in rows if row.outcome == "crashed"]
    refused = {row.path.split("/")[-1] for row in rows if row.outcome == "refused"}
    assert {name for name in refused if not name.startswith("seg_image_")} == _REFUSED


@pytest.mark.parametrize(
    "folder",
    ["mr_brain_flair_series", "mr_hippocampus_crop_series", "pydicom_series/CT5N", "dcmqi_ct_seg/series"],
)
def test_series_lie_where_simpleitk_sees_them(shared_data, folder):
    path = shared_data / "dicom" / folder
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path))
    theirs = sitk.ReadImage(names)
    ours = read_volume(path)
    assert np.array_equal(ours.data, sitk.GetArrayFromImage(theirs))
    corners = np.array([[0, 0, 0], [n - 1 for n in ours.shape]], float)
    for corner, world in zip(corners, ours.geometry.to_world(corners), strict=True):
        expected = theirs.TransformContinuousIndexToPhysicalPoint(corner[::-1].tolist())
        assert np.allclose(world * (-1, -1, 1), expected, atol=0.01)


def test_a_liver_series_and_its_masks_fit(shared_data):
    """The masks lie on tissue of the liver's density, slice by slice: order and orientation are right."""
    folder = shared_data / "dicom" / "chaos_ct_liver_series"
    for name in ("030", "038", "045"):
        image = read_volume(folder / f"{name}.dcm")
        inside = image.data[read_labels(folder / "masks" / f"{name}.png", like=image) > 0]
        assert 60 < np.median(inside) < 180
    volume = read_volume(folder)
    assert np.array_equal(
        volume.slice(Plane(0, 0)), read_volume(folder / "030.dcm").data[0]
    ) or np.array_equal(volume.slice(Plane(0, 0)), read_volume(folder / "045.dcm").data[0])


@pytest.mark.parametrize("name", ["MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless"])
@pytest.mark.parametrize("has_plugins", [True, False])
def test_compressed_slices_are_exact_with_and_without_decoders(shared_data, monkeypatch, name, has_plugins):
    if not has_plugins:
        monkeypatch.setattr("pydicom.dataset.Dataset.pixel_array", property(lambda _: 1 / 0))
    folder = shared_data / "dicom" / "pydicom_files"
    plain = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "MR_small.dcm")))
    assert np.array_equal(read_volume(folder / f"{name}.dcm").data, plain)


@pytest.mark.parametrize("name", ["JPGExtended.dcm", "JPEG-lossy.dcm"])
def test_twelve_bit_jpeg_needs_no_further_package(shared_data, name):
    volume = read_volume(shared_data / "dicom" / "pydicom_files" / name)
    assert volume.data.max() > 255 and volume.shape == (1, 1024, 256)


def test_the_benchmark_writes_its_rows_and_counts_crashes(shared_data, tmp_path, monkeypatch, capsys):
    folder = shared_data / "robustness" / "corrupt" / "mask_mismatch"
    out = tmp_path / "out.json"
    assert robustness.main([str(folder), "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert report["counts"] == {"info": {"opened": 3}} and len(report["rows"]) == 3
    assert "info: 3 opened" in capsys.readouterr().out

    def broken(_path: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(robustness, "read_volume", broken)
    assert robustness.main([str(folder)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_the_benchmark_says_which_folder_is_missing(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        robustness.main([str(tmp_path / "nowhere")])
    assert "there is no folder" in capsys.readouterr().err
