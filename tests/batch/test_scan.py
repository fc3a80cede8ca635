import nibabel
import numpy as np
import pytest

from napari_medkd.batch.scan import scan
from napari_medkd.errors import UnreadableFile
from tests.io import dicom_files


def names(found):
    return [source.name for source in found.sources]


def test_images_are_found_in_all_folders_and_the_rest_is_counted(images, save):
    save(images / "b.png")
    save(images / "sub" / "deep" / "a.jpg")
    save(images / ".hidden" / "c.png")
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.eye(4)), images / "v.nii.gz")
    (images / "notes.txt").write_text("no image")
    (images / "notes.json").write_text("{}")
    found = scan(images)
    assert names(found) == ["b.png", "v.nii.gz", "sub/deep/a.jpg"]
    assert [source.stem for source in found.sources] == ["b", "v", "sub/deep/a"]
    assert found.ignored == {".txt": 1, ".json": 1}


def test_a_single_file_is_a_folder_of_one(images, save):
    save(images / "a.png")
    save(images / "b.png")
    assert names(scan(images / "b.png")) == ["b.png"]


def test_patterns_choose(images, save):
    for name in ("images/a.png", "masks/a.png", "images/b.tif"):
        save(images / name)
    assert names(scan(images, ["images/*"])) == ["images/a.png", "images/b.tif"]
    assert names(scan(images, ["*.tif", "masks/*.png"])) == ["images/b.tif", "masks/a.png"]


def test_the_folder_of_masks_is_left_out(images, save):
    save(images / "a.png")
    save(images / "masks" / "a.png")
    assert names(scan(images, without=images / "masks")) == ["a.png"]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(UnreadableFile, match="no file or folder"):
        scan(tmp_path / "none")


def test_dicom_files_are_grouped_into_series_whatever_they_are_called(images, save, save_series):
    save_series(images / "study", count=3, uid="1.2.3", number=4)
    save_series(images / "study" / "more", count=2, uid="1.2.4", number=4)
    save(images / "study" / "a.png")
    found = scan(images)
    series = [source for source in found.sources if len(source.files) > 1]
    assert [len(source.files) for source in series] == [3, 2]
    assert series[0].name.startswith("study/series-4-") and series[1].name.startswith("study/more/series-4-")
    assert {source.suffix for source in series} == {".dcm"}
    assert "study/a.png" in names(found)


def test_two_series_of_one_number_have_two_names_that_stay(images, save_series):
    save_series(images, count=2, uid="1.2.3")
    before = names(scan(images))
    save_series(images, count=2, uid="1.2.9", start=10)
    after = names(scan(images))
    assert len(set(after)) == 2 and set(before) < set(after)


def test_a_single_dicom_file_is_named_by_itself_and_what_is_no_image_is_told(images, save_series):
    save_series(images, count=1)
    report = dicom_files.make(np.zeros((4, 4), np.int16), Modality="SR", SeriesInstanceUID="1.2.7")
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    dicom_files.save(report, images / "report.dcm")
    (images / "damaged.dcm").write_bytes((images / "IM0000").read_bytes()[:140])
    found = scan(images)
    assert names(found) == ["IM0000", "damaged.dcm"]
    ((name, kind),) = found.no_images
    assert name == "report.dcm" and "report" in kind


def test_another_content_is_another_fingerprint(images, save):
    path = save(images / "a.png")
    (before,) = scan(images).sources
    assert before.fingerprint == scan(images).sources[0].fingerprint
    first = before.fingerprint
    save(path, np.zeros((9, 9), np.uint8))
    assert scan(images).sources[0].fingerprint != first
    path.unlink()
    assert before.fingerprint != first  # and no error: reading it will say that it is gone


def test_progress_is_told(images, save):
    save(images / "a.png")
    save(images / "sub" / "b.png")
    told = []
    scan(images, tell=told.append)
    assert told == [1, 2]


def test_a_folder_that_is_an_image_is_one_and_is_not_looked_into(tmp_path, save):
    for name in ("a.zarr", "sub/b.ome.zarr"):
        (tmp_path / name / "0").mkdir(parents=True)
        (tmp_path / name / ".zgroup").write_text("{}")
        save(tmp_path / name / "0" / "c.png")
    (tmp_path / "d.zarr").mkdir()
    found = scan(tmp_path).sources
    assert [(one.name, one.stem, one.suffix) for one in found] == [
        ("a.zarr", "a", ".zarr"),
        ("sub/b.ome.zarr", "sub/b", ".ome.zarr"),
    ]
    before = found[0].fingerprint
    save(tmp_path / "a.zarr" / "0" / "d.png")
    assert found[0].fingerprint != before
    (alone,) = scan(tmp_path / "a.zarr").sources
    assert alone.name == "a.zarr"
