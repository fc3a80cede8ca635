from __future__ import annotations

import nibabel
import numpy as np
import pytest

from napari_medkd.errors import UnreadableFile
from napari_medkd.io import read_volume
from tests.io.grids import SHAPE, oblique, values

REVERSED = np.eye(4)[[2, 1, 0, 3]]


def save(path, data, **fields):
    """Write `data` (x, y, z) at the oblique place, with some header fields set afterwards."""
    header = nibabel.Nifti1Image(data, oblique() @ REVERSED).header
    header.set_qform(oblique() @ REVERSED, code=int(fields.get("qform_code", 0)))
    for field, value in fields.items():
        header[field] = value
    nibabel.save(nibabel.Nifti1Image(data, None, header), path)
    return path


def test_axes_are_turned_and_nothing_is_flipped(tmp_path):
    volume = read_volume(save(tmp_path / "scan.one.nii.gz", values().T))
    assert np.array_equal(volume.data, values()) and volume.data.dtype == np.int16
    assert np.allclose(volume.geometry.affine, oblique(), atol=1e-4)
    assert volume.geometry.from_file and volume.name == "scan.one" and volume.notes == ()


def test_hounsfield_units_are_recognised_others_are_left_open(tmp_path):
    air = values().T.copy()
    air[0, 0, 0] = -1000
    ct = read_volume(save(tmp_path / "ct.nii", air))
    assert (ct.modality, ct.window.name) == ("CT", "Soft tissue")
    assert read_volume(save(tmp_path / "mr.nii", values("uint8").T)).modality == ""


def test_whole_slope_and_intercept_keep_integers(tmp_path):
    image = nibabel.Nifti1Image(values("uint16").T, np.eye(4))
    image.header.set_slope_inter(1, -1024)
    nibabel.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[112:120] = np.array([1, -1024], "<f4").tobytes()  # nibabel resets them on saving integers
    raw[352:] = values("uint16").tobytes()
    (tmp_path / "a.nii").write_bytes(raw)
    volume = read_volume(tmp_path / "a.nii")
    assert volume.data.dtype == np.int16
    assert np.array_equal(volume.data, values("uint16").astype(int) - 1024)


def test_broken_slope_gives_floats(tmp_path):
    image = nibabel.Nifti1Image((values().T * 0.37).astype(np.float32), np.eye(4))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.data.dtype == np.float32
    assert np.allclose(volume.data, values() * 0.37, atol=1e-3)


@pytest.mark.parametrize("frame", [None, 0, 1, 5])
def test_a_frame_of_more_dimensions(tmp_path, frame):
    data = np.stack([values().T + 1000 * i for i in range(6)], axis=-1).reshape(*SHAPE[::-1], 3, 2, order="F")
    volume = read_volume(save(tmp_path / "a.nii.gz", data), frame=frame)
    assert np.array_equal(volume.data, values() + 1000 * (frame or 0))
    assert f"Frame {frame or 0} of 0 to 5" in volume.notes[0]


def test_a_frame_that_does_not_exist(tmp_path):
    path = save(tmp_path / "a.nii", values().T)
    with pytest.raises(UnreadableFile, match="no frame 2; its frames are numbered from 0 to 0"):
        read_volume(path, frame=2)


def test_values_that_are_no_numbers_are_replaced_and_told(tmp_path):
    data = values("float32").T.copy()
    data[0, 0, 0], data[1, 0, 0], data[2, 0, 0] = np.nan, np.inf, -np.inf
    volume = read_volume(save(tmp_path / "a.nii", data))
    assert np.isfinite(volume.data).all()
    assert volume.data[0, 0, 1] == data[np.isfinite(data)].max()
    assert "3 values" in volume.notes[0]


def test_no_orientation_is_told_and_not_taken_for_a_place(tmp_path):
    volume = read_volume(save(tmp_path / "a.nii", values().T, sform_code=0, qform_code=0))
    assert not volume.geometry.from_file
    assert "left, right, front and back are assumed" in volume.notes[0]
    assert volume.geometry.spacing == pytest.approx((3.3, 0.9, 0.4), rel=1e-4)


def test_qform_alone_places_the_image(tmp_path):
    volume = read_volume(save(tmp_path / "a.nii", values().T, sform_code=0, qform_code=1))
    assert np.allclose(volume.geometry.affine, oblique(), atol=1e-3)


def test_an_sform_of_zeros_falls_back_to_the_qform(tmp_path):
    flat = {"srow_x": 0, "srow_y": 0, "srow_z": 0, "sform_code": 1, "qform_code": 1}
    volume = read_volume(save(tmp_path / "a.nii", values().T, **flat))
    assert np.allclose(volume.geometry.affine, oblique(), atol=1e-3)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("micron", 0.001)])
def test_other_units_become_millimetres(tmp_path, unit, factor):
    image = nibabel.Nifti1Image(values().T, oblique() @ REVERSED)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").geometry.spacing == pytest.approx(
        (3.3 * factor, 0.9 * factor, 0.4 * factor), rel=1e-4
    )


def test_colours(tmp_path):
    rgb = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    data = np.zeros(SHAPE[::-1], rgb)
    data["G"] = values("uint8").T
    volume = read_volume(save(tmp_path / "a.nii", data))
    assert volume.is_rgb and np.array_equal(volume.data[..., 1], values("uint8"))
    assert volume.modality == "RGB"


@pytest.mark.parametrize("kind", ["int64", "float64", "bool"])
def test_wide_types_become_plain(tmp_path, kind):
    image = nibabel.Nifti1Image(
        values("uint8").astype("float64" if kind == "float64" else "uint8").T, np.eye(4)
    )
    image.set_data_dtype({"int64": np.int64, "float64": np.float64, "bool": np.uint8}[kind])
    nibabel.save(image, tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").data.dtype.itemsize <= 4


def test_a_flat_file_is_one_slice(tmp_path):
    assert read_volume(save(tmp_path / "a.nii", values().T[..., 0])).shape == (1, 5, 7)


def test_cut_off(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.random.default_rng(0).normal(size=(20, 20, 20)))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(UnreadableFile, match="cut off or damaged"):
        read_volume(path)


def test_a_header_that_claims_more_than_memory_is_refused_before_allocating(tmp_path):
    path = save(tmp_path / "a.nii", values().T)
    raw = bytearray(path.read_bytes())
    raw[42:48] = np.array([32767, 32767, 32767], "<i2").tobytes()
    path.write_bytes(raw)
    with pytest.raises(UnreadableFile, match=r"at most .* GB can be opened"):
        read_volume(path)
