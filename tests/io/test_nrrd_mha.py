from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from napari_medkd.core.geometry import Geometry
from napari_medkd.errors import UnreadableFile
from napari_medkd.io import read_volume
from tests.io.grids import SHAPE, oblique, values


def image(data: np.ndarray, affine: np.ndarray, **kwargs: bool) -> sitk.Image:
    """An image at a (z, y, x) → RAS affine, put there by SimpleITK's own words."""
    lps = np.diag([-1, -1, 1, 1]) @ affine @ np.eye(4)[[2, 1, 0, 3]]
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    result = sitk.GetImageFromArray(data, **kwargs)
    result.SetOrigin(lps[:3, 3].tolist())
    result.SetSpacing(spacing.tolist())
    result.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return result


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_place(tmp_path, suffix, seed):
    sitk.WriteImage(image(values(), oblique(seed)), str(tmp_path / f"a{suffix}"))
    volume = read_volume(tmp_path / f"a{suffix}")
    assert np.array_equal(volume.data, values())
    assert volume.geometry.same_grid(Geometry(SHAPE, oblique(seed)))
    assert volume.geometry.from_file and volume.notes == ()


def test_colours_stay_colours(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    sitk.WriteImage(image(data, oblique(), isVector=True), str(tmp_path / "a.nrrd"))
    volume = read_volume(tmp_path / "a.nrrd")
    assert volume.is_rgb and np.array_equal(volume.data, data)


def test_a_component_of_a_vector_image_is_a_frame(tmp_path):
    data = np.stack([values() + 100 * i for i in range(5)], axis=-1)
    sitk.WriteImage(image(data, oblique(), isVector=True), str(tmp_path / "a.nrrd"))
    volume = read_volume(tmp_path / "a.nrrd", frame=3)
    assert np.array_equal(volume.data, values() + 300)
    assert "Frame 3 of 0 to 4" in volume.notes[0]


@pytest.mark.parametrize("extra", [(3,), (2, 3)])
def test_frames_of_four_and_five_dimensions(tmp_path, extra):
    data = np.stack([values() + 100 * i for i in range(int(np.prod(extra)))]).reshape(*extra, *SHAPE)
    sitk.WriteImage(sitk.GetImageFromArray(data, isVector=False), str(tmp_path / "a.mha"))
    for frame in range(int(np.prod(extra))):
        assert np.array_equal(read_volume(tmp_path / "a.mha", frame=frame).data, values() + 100 * frame)


def test_two_dimensions_are_one_slice_without_a_place(tmp_path):
    flat = sitk.GetImageFromArray(values()[0])
    flat.SetSpacing((0.4, 0.9))
    sitk.WriteImage(flat, str(tmp_path / "a.mha"))
    volume = read_volume(tmp_path / "a.mha")
    assert volume.shape == (1, 5, 7) and not volume.geometry.from_file
    assert volume.geometry.spacing == pytest.approx((1.0, 0.9, 0.4))


def test_nrrd_without_a_space_is_told(tmp_path):
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 7 5 4\nencoding: raw\nendian: little\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + values().astype("<i2").tobytes())
    volume = read_volume(tmp_path / "a.nrrd")
    assert np.array_equal(volume.data, values())
    assert not volume.geometry.from_file and "are assumed" in volume.notes[0]


def test_ras_and_lps_nrrd_are_the_same_patient(tmp_path):
    for space, signs in (("left-posterior-superior", (-1, -1)), ("right-anterior-superior", (1, 1))):
        x, y = signs
        header = (
            f"NRRD0004\ntype: short\ndimension: 3\nspace: {space}\nsizes: 7 5 4\n"
            f"space directions: ({0.4 * x},0,0) (0,{0.9 * y},0) (0,0,3.3)\n"
            f"space origin: ({5 * x},{6 * y},7)\n"
            "encoding: raw\nendian: little\n\n"
        )
        (tmp_path / f"{space}.nrrd").write_bytes(header.encode() + values().astype("<i2").tobytes())
        geometry = read_volume(tmp_path / f"{space}.nrrd").geometry
        assert geometry.to_world(np.array([1.0, 1, 1])) == pytest.approx([5.4, 6.9, 10.3]), space


def test_a_missing_data_file_is_a_sentence(tmp_path):
    sitk.WriteImage(image(values(), oblique()), str(tmp_path / "a.mhd"))
    next(tmp_path.glob("*raw*")).unlink()
    with pytest.raises(UnreadableFile, match=r'"a\.mhd" could not be read as'):
        read_volume(tmp_path / "a.mhd")


def test_cut_off(tmp_path):
    sitk.WriteImage(image(values(), oblique()), str(tmp_path / "a.mha"))
    (tmp_path / "a.mha").write_bytes((tmp_path / "a.mha").read_bytes()[:-40])
    with pytest.raises(UnreadableFile):
        read_volume(tmp_path / "a.mha")
