from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_medkd.batch import outputs
from napari_medkd.batch.item import Job, TargetFull, segment_item
from napari_medkd.batch.plan import make_plan
from napari_medkd.core.volume import Volume
from napari_medkd.errors import StorageError
from tests.batch.made import pixels, square


@pytest.fixture
def segment(config):
    """Segment every image of the folder with a model."""

    def call(segmenter, **more):
        wanted = config(**more)
        plan = make_plan(wanted, "p", "run", None)
        return [segment_item(item, Job(wanted, "run"), segmenter) for item in plan.items]

    return call


def test_a_picture_gets_its_mask_and_its_row(images, save, bright, segment, tmp_path):
    save(images / "sub" / "a.png")
    (row,) = segment(bright, measure=True, overlay=True)
    assert (row.status, row.output, row.shape, row.unit) == ("done", "sub/a.png", (1, 64, 64), "px")
    assert [(one.label, one.name, one.voxels) for one in row.classes] == [(1, "bright", 256)]
    assert len(row.measures) == 1 and row.seconds >= row.read_seconds > 0
    masks = tmp_path / "masks"
    assert np.array_equal(pixels(masks / "sub" / "a.png") > 0, square() > 0)
    assert row.thumbnail.endswith(".jpg") and row.overlay == "overlays/sub/a.png.jpg"
    assert pixels(masks / row.thumbnail).shape == pixels(masks / row.overlay).shape == (128, 128, 3)
    assert not list(masks.rglob(".*"))


def test_a_volume_keeps_the_geometry_of_its_file(images, bright, segment, tmp_path):
    data = np.zeros((64, 64, 5), np.uint8)
    data[24:40, 16:32, 1:4] = 255
    affine = np.array([[0.9, -0.2, 0.1, 5], [0.2, 1.1, 0, -7], [0, 0.3, 2.5, 11], [0, 0, 0, 1.0]])
    nibabel.save(nibabel.Nifti1Image(data, affine), images / "v.nii.gz")
    (row,) = segment(bright)
    mask = nibabel.load(tmp_path / "masks" / "v.nii.gz")
    np.testing.assert_allclose(mask.affine, affine, atol=1e-5)
    assert np.array_equal(np.asarray(mask.dataobj) > 0, data > 0)
    assert row.unit == "mm" and row.measures == () and row.overlay == ""


def test_a_dicom_series_is_one_image(images, save_series, bright, segment, tmp_path):
    values = save_series(images / "ct", count=4)
    (row,) = segment(bright)
    assert (row.status, row.shape, row.modality, row.unit) == ("done", (4, 64, 64), "CT", "mm")
    mask = nibabel.load(tmp_path / "masks" / row.output)
    assert np.array_equal(np.asarray(mask.dataobj).T > 0, values > 0)
    assert sorted(np.linalg.norm(mask.affine[:3, :3], axis=0)) == pytest.approx([0.5, 0.75, 3])


def test_names_of_several_classes_are_beside_the_mask(images, save, make_segmenter, segment, tmp_path):
    from napari_medkd.io import read_label_names
    from napari_medkd.models.card import Target

    save(images / "a.png")
    segment(make_segmenter(Target(name="bright"), Target(name="very bright")))
    assert read_label_names(tmp_path / "masks" / "a.png") == {1: "bright", 2: "very bright"}


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"", "is empty"), (b"no picture", "not a picture"), (None, "no file")]
)
def test_a_bad_file_is_a_row_with_its_reason(images, save, bright, config, tmp_path, content, sentence):
    path = save(images / "a.png")
    path.write_bytes(content or b"")
    (item,) = make_plan(config(), "p", "run", None).items
    if content is None:
        path.unlink()
    row = segment_item(item, Job(config(), "run"), bright)
    assert row.status == "failed" and sentence in row.reason and row.hint
    assert not (tmp_path / "masks").exists()


def test_a_fault_of_ours_is_a_row_that_names_the_place_and_no_patient(
    images, save, bright, segment, monkeypatch
):
    save(images / "Jane Doe.png")

    def fail(*args):
        raise KeyError("Jane Doe")

    monkeypatch.setattr("napari_medkd.batch.answer.by_itself", fail)
    (row,) = segment(bright)
    assert row.status == "failed" and "KeyError at tests/batch/test_item.py" in row.reason
    assert "Jane" not in row.reason


def test_no_memory_is_a_row(images, save, bright, segment, monkeypatch):
    save(images / "a.png")
    monkeypatch.setattr(bright._runtime, "encode", lambda image: (_ for _ in ()).throw(MemoryError))
    (row,) = segment(bright)
    assert row.status == "failed" and "memory" in row.reason


def test_a_full_disk_stops_all(images, save, bright, segment, monkeypatch):
    save(images / "a.png")

    def full(*args, **options):
        raise StorageError("The mask could not be written.") from OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "write_labels", full)
    with pytest.raises(TargetFull, match="could not be written"):
        segment(bright)


def test_a_mask_that_a_format_cannot_hold_is_a_row(images, bright, segment):
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 9, 4), np.uint8), np.eye(4)), images / "v.nii")
    (row,) = segment(bright, format="png")
    assert row.status == "failed" and "A PNG holds one slice" in row.reason


def test_the_chosen_window_is_what_the_model_sees(images, bright, segment):
    nibabel.save(nibabel.Nifti1Image(np.full((64, 64, 1), 500, np.int16), np.eye(4)), images / "v.nii")
    assert segment(bright, window=(0, 600))[0].classes[0].voxels == 64 * 64
    assert segment(bright, window=(0, 6000))[0].classes[0].voxels == 0


def test_all_named_formats_can_be_written(images, save, bright, segment, tmp_path):
    for number, name in enumerate(name for name in outputs.outputs if not outputs.outputs[name].only_for):
        save(images / f"{number}.png")
        assert [row.status for row in segment(bright, format=name)] == ["done"], name
        (images / f"{number}.png").unlink()
        assert (tmp_path / "masks" / f"{number}{outputs.outputs[name].suffix}").exists()


def test_where_it_is_written_is_no_part_of_a_row(images, save, bright, segment, tmp_path):
    save(images / "a.png")
    assert str(tmp_path) not in segment(bright)[0].model_dump_json()
    assert Path(images).is_dir()


def test_a_large_image_stays_on_the_disk_from_beginning_to_end(
    images, bright, segment, monkeypatch, tmp_path
):
    pytest.importorskip("zarr")
    from napari_medkd.io import read_volume, write_labels
    from napari_medkd.io.ome_zarr import reader

    picture = square((300, 220), top=96, left=128, side=80)
    volume = Volume.from_array(picture)
    write_labels(images / "a.ome.zarr", picture[np.newaxis], volume)
    monkeypatch.setattr(reader, "_LARGE", 10)
    monkeypatch.setattr(reader, "plain", None)  # what would bring it to memory
    (row,) = segment(bright, tile=64, measure=True)
    assert (row.status, row.output, row.reason) == ("done", "a.ome.zarr", "")
    monkeypatch.undo()
    mask = read_volume(tmp_path / "masks" / "a.ome.zarr").data[0]
    assert np.count_nonzero((mask > 0) != (picture > 0)) <= 4 * 80 and row.measures[0].number == 1
