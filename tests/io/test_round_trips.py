"""A mask comes back from every format with the values, and the place, that it was saved with."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.errors import GeometryMismatch, StorageError, UnreadableFile
from napari_medkd.io import read_label_names, read_labels, read_volume, writable_suffixes, write_labels
from tests.io.grids import SHAPE, labels, oblique, sheared, values

PLACED = [suffix for suffix in writable_suffixes() if suffix not in (".png", ".tif", ".tiff", ".dcm")]
LPS = np.diag([-1.0, -1, 1, 1])
REVERSED = np.eye(4)[[2, 1, 0, 3]]


def image(affine: np.ndarray) -> Volume:
    return Volume.from_array(values(), geometry=Geometry(SHAPE, affine), modality="CT")


def test_every_format_of_the_product_page_can_be_saved():
    assert {".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".png"} <= set(writable_suffixes())


@pytest.mark.parametrize("suffix", PLACED)
@pytest.mark.parametrize("affine", [oblique(0), oblique(1), oblique(2), sheared()])
def test_values_and_place_survive(tmp_path, suffix, affine):
    like = image(affine)
    path = write_labels(tmp_path / f"mask{suffix}", labels(), like)
    again = read_volume(path)
    assert again.geometry.same_grid(like.geometry, tolerance_mm=1e-4)
    assert np.array_equal(read_labels(path, like=like), labels())
    assert again.data.dtype == np.uint8


@pytest.mark.parametrize("suffix", [*PLACED, ".tif"])
def test_more_than_255_classes_take_sixteen_bits(tmp_path, suffix):
    path = write_labels(tmp_path / f"mask{suffix}", labels(40_000), image(oblique()))
    assert read_labels(path).max() == 40_000


@pytest.mark.parametrize("highest", [3, 700])
def test_a_picture_s_mask_is_a_png_of_class_numbers(tmp_path, highest):
    like = Volume.from_array(np.zeros((5, 7, 3), np.uint8))
    path = write_labels(tmp_path / "mask.png", labels(highest)[:1], like)
    assert np.asarray(Image.open(path))[0, 0] == highest
    assert np.array_equal(read_labels(path, like=like), labels(highest)[:1])


def test_nifti_of_a_nifti_has_the_header_of_the_image(tmp_path):
    """Not only the affine: both forms, their codes, units and the bytes they are stored in."""
    xyz = oblique(1) @ REVERSED
    original = nibabel.Nifti1Image(values("float32").T, None)
    original.header.set_sform(xyz, code="mni")
    original.header.set_qform(xyz, code="scanner")
    original.header.set_xyzt_units("mm", "sec")
    original.header.set_slope_inter(2.0, -7.0)
    nibabel.save(original, tmp_path / "image.nii.gz")
    like = read_volume(tmp_path / "image.nii.gz")
    before = nibabel.load(tmp_path / "image.nii.gz").header
    after = nibabel.load(write_labels(tmp_path / "mask.nii.gz", labels(), like)).header
    kept = ["sform_code", "qform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d"]
    for field in [*kept, "qoffset_x", "qoffset_y", "qoffset_z", "pixdim", "xyzt_units"]:
        assert before[field].tobytes() == after[field].tobytes(), field
    assert after.get_data_dtype() == np.uint8 and after.get_slope_inter() in ((None, None), (1.0, 0.0))


def test_nifti_2_stays_nifti_2(tmp_path):
    nibabel.save(nibabel.Nifti2Image(values().T, oblique() @ REVERSED), tmp_path / "image.nii")
    like = read_volume(tmp_path / "image.nii")
    path = write_labels(tmp_path / "mask.nii", labels(), like)
    assert isinstance(nibabel.load(path), nibabel.Nifti2Image)


def test_a_mask_of_one_frame_of_a_4d_nifti_is_3d(tmp_path):
    data = np.stack([values().T, values().T + 1], axis=-1)
    nibabel.save(nibabel.Nifti1Image(data, oblique() @ REVERSED), tmp_path / "image.nii.gz")
    like = read_volume(tmp_path / "image.nii.gz", frame=1)
    path = write_labels(tmp_path / "mask.nii.gz", labels(), like)
    assert nibabel.load(path).shape == SHAPE[::-1]
    assert np.array_equal(read_labels(path, like=like), labels())


def test_nifti_agrees_with_simpleitk_about_the_place(tmp_path):
    path = write_labels(tmp_path / "mask.nii.gz", labels(), image(oblique(2)))
    seen = sitk.ReadImage(str(path))
    expected = Geometry(SHAPE, oblique(2)).to_world(np.array([3.0, 4, 6]))
    assert np.allclose(seen.TransformIndexToPhysicalPoint((6, 4, 3)), expected * (-1, -1, 1), atol=1e-3)


def test_tiff_keeps_pages_and_spacing(tmp_path):
    like = image(np.diag([3.3, 0.9, 0.4, 1.0]))
    path = write_labels(tmp_path / "mask.tif", labels(), like)
    again = read_volume(path)
    assert again.geometry.spacing == pytest.approx((3.3, 0.9, 0.4), rel=1e-4)
    assert np.array_equal(read_labels(path, like=like), labels())


def test_class_names_go_into_nrrd_as_segments_and_elsewhere_beside_it(tmp_path):
    names = {1: "liver", 3: "Tumor – größer"}
    nrrd = write_labels(tmp_path / "mask.nrrd", labels(), image(oblique()), names)
    fields = sitk.ReadImage(str(nrrd))
    assert fields.GetMetaData("Segment0_Name") == "liver" and fields.GetMetaData("Segment1_LabelValue") == "3"
    assert len(list(tmp_path.iterdir())) == 1
    nifti = write_labels(tmp_path / "mask.nii.gz", labels(), image(oblique()), names)
    assert read_label_names(nifti) == names


def test_names_of_an_older_mask_do_not_stay_behind(tmp_path):
    path = write_labels(tmp_path / "mask.nii.gz", labels(), image(oblique()), {1: "liver"})
    write_labels(path, labels(), image(oblique()))
    assert read_label_names(path) == {}


def test_folders_are_made(tmp_path):
    assert write_labels(tmp_path / "new" / "deep" / "mask.nii.gz", labels(), image(oblique())).is_file()


def test_another_shape_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(GeometryMismatch, match="4×5×6 voxels, the image 4×5×7"):
        write_labels(tmp_path / "mask.nii.gz", labels()[..., :6], image(oblique()))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [labels() - 4.5, labels().astype(int) - 2, labels().astype(int) * 70_000])
def test_what_is_no_class_number_is_refused(tmp_path, bad):
    with pytest.raises(StorageError, match="whole numbers from 0 to 65535"):
        write_labels(tmp_path / "mask.nii.gz", bad, image(oblique()))


@pytest.mark.parametrize("name", ["mask.jpg", "mask.bmp", "mask.xyz", "mask", "mask.mhd"])
def test_a_format_that_cannot_hold_a_mask_lists_those_that_can(tmp_path, name):
    with pytest.raises(StorageError, match=r"Save as one of .*\.nii\.gz"):
        write_labels(tmp_path / name, labels(), image(oblique()))


def test_a_volume_does_not_fit_a_png(tmp_path):
    with pytest.raises(StorageError, match="one slice, this mask has 4"):
        write_labels(tmp_path / "mask.png", labels(), image(oblique()))


def test_a_failure_leaves_the_old_mask_and_no_rubbish(tmp_path, monkeypatch):
    path = write_labels(tmp_path / "mask.nii.gz", labels(), image(oblique()))
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_labels(path, labels(9), image(oblique()))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["mask.nii.gz"]


@pytest.mark.parametrize(("order", "flipped"), [((0, 1, 2), (1,)), ((2, 1, 0), ()), ((1, 2, 0), (0, 2))])
def test_a_mask_that_a_converter_stored_another_way_is_turned_onto_its_image(tmp_path, order, flipped):
    """As for a DICOM series and a mask from a converter, which lets the rows run the other way."""
    like = image(oblique())
    affine = oblique()[:, [*order, 3]]
    for axis in flipped:
        affine[:, 3] += (SHAPE[order[axis]] - 1) * affine[:, axis]
        affine[:, axis] *= -1
    stored = np.flip(labels().transpose(order), flipped)
    there = Volume.from_array(stored, geometry=Geometry(stored.shape, affine), modality="CT")
    path = write_labels(tmp_path / "mask.nii.gz", stored, there)
    assert np.array_equal(read_labels(path, like=like), labels())


def test_a_mask_of_another_place_is_refused(tmp_path):
    like = image(oblique())
    moved = oblique()
    moved[0, 3] += 10
    path = write_labels(tmp_path / "mask.nii.gz", labels(), image(moved))
    with pytest.raises(GeometryMismatch, match="lies elsewhere"):
        read_labels(path, like=like)


def test_a_mask_of_another_size_is_refused(tmp_path):
    path = write_labels(tmp_path / "mask.nii.gz", labels(), image(oblique()))
    other = Volume.from_array(np.zeros((4, 5, 8), np.int16))
    with pytest.raises(GeometryMismatch, match="4×5×7 voxels, the image 4×5×8"):
        read_labels(path, like=other)


def test_black_and_white_is_class_one(tmp_path):
    pixels = np.zeros((6, 6), np.uint8)
    pixels[2:4] = 255
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "colour.png")
    Image.fromarray(pixels).convert("1").save(tmp_path / "bit.png")
    for name in ("grey.png", "colour.png", "bit.png"):
        assert np.array_equal(read_labels(tmp_path / name)[0], pixels > 0), name


def test_a_palette_s_numbers_are_the_classes(tmp_path):
    indices = labels()[0].astype(np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "mask.png")
    assert read_volume(tmp_path / "mask.png").is_rgb
    assert np.array_equal(read_labels(tmp_path / "mask.png")[0], indices)


def test_whole_numbers_stored_as_floats_are_a_mask(tmp_path):
    nibabel.save(nibabel.Nifti1Image(labels().T.astype(np.float32), np.eye(4)), tmp_path / "mask.nii")
    assert np.array_equal(read_labels(tmp_path / "mask.nii"), labels())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (labels() + np.float32(0.5), "fractions"),
        (labels().astype(np.int16) - 2, "from -2 to 1"),
        (labels().astype(np.int32) * 70_000, "to 210000"),
    ],
)
def test_what_is_no_mask_is_said(tmp_path, data, reason):
    nibabel.save(nibabel.Nifti1Image(data.T, np.eye(4)), tmp_path / "mask.nii")
    with pytest.raises(UnreadableFile, match=reason):
        read_labels(tmp_path / "mask.nii")


def test_a_picture_is_no_mask(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    Image.fromarray(noise).save(tmp_path / "noise.jpg")
    Image.fromarray(np.stack([noise, noise, 255 - noise], -1)).save(tmp_path / "colour.png")
    for name, reason in (("noise.png", "neighbouring"), ("noise.jpg", "JPEG"), ("colour.png", "colour")):
        with pytest.raises(UnreadableFile, match=reason):
            read_labels(tmp_path / name)
