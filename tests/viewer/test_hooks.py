"""Reader, writer and samples, as napari calls them."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from npe2 import PluginManifest

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.io import read_labels, read_volume, writable_suffixes
from napari_medkd.samples import SAMPLES
from napari_medkd.viewer import hooks, sample_data
from tests.viewer.conftest import Desk

OBLIQUE = np.array(  # (x, y, z, 1) → (R, A, S), as NIfTI has it: turned, anisotropic and left-handed
    [[-0.68, 0.1, 0.4, 12.0], [0.12, 0.69, -0.5, -30.0], [0.1, 0.1, 2.9, 7.0], [0, 0, 0, 1.0]]
)


@pytest.fixture
def oblique(tmp_path):
    data = np.zeros((40, 30, 6), np.int16)
    data[15:30, 10:20, 1:5] = 300
    path = tmp_path / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(data, OBLIQUE), path)
    return path


@pytest.fixture
def notices(monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr("napari_medkd.viewer.errors.show_warning", seen.append)
    monkeypatch.setattr("napari_medkd.viewer.sample_data.tell", seen.append)
    return seen


def test_an_oblique_volume_is_read_segmented_saved_and_read_again(oblique, tmp_path):
    desk = Desk()
    ((data, options, kind),) = hooks.get_reader(str(oblique))(str(oblique))
    image = desk.viewer.add_layer(Layer.create(data, options, kind))
    image.name = "scan"
    assert desk.workspace.open(image)
    desk.tools.activate("box")
    desk.viewer.dims.set_current_step(0, 3)
    index = desk.session.plane.index
    desk.mouse().drag([(index, 8, 13), (index, 22, 32)])
    truth = read_volume(oblique).data[index] > 100
    assert (desk.mask == truth).all() and truth.any()
    desk.session.commit()
    for name, save in {
        "panel.nii.gz": lambda path: desk.session.save(path),
        "menu.nii.gz": lambda path: hooks.write_labels_layer(
            str(path), *desk.layer("labels").as_layer_data_tuple()[:2]
        ),
    }.items():
        save(tmp_path / name)
        saved = nibabel.load(tmp_path / name)
        assert saved.affine == pytest.approx(nibabel.load(oblique).affine)
        assert (np.asarray(saved.dataobj).T[index].astype(bool) == truth).all()
    desk.workspace.discard()


def test_a_single_slice_is_a_2d_layer(tmp_path):
    volume = Volume.from_array(np.zeros((20, 30), np.uint8))
    data, options, _ = hooks.layer_data(volume)
    assert data.shape == (20, 30) and options["affine"].shape == (3, 3)
    assert ViewerModel().add_image(data, **options).scale.tolist() == [1, 1]


def test_a_colour_picture_has_no_window(tmp_path):
    data, options, _ = hooks.layer_data(Volume.from_array(np.zeros((20, 30, 3), np.uint8)))
    assert data.shape == (20, 30, 3) and options["rgb"] and "contrast_limits" not in options


def test_a_damaged_file_is_a_sentence_and_no_layer(tmp_path, notices):
    path = tmp_path / "scan.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    assert hooks.get_reader(str(path))(str(path)) == [(None,)]
    assert len(notices) == 1 and "scan.png" in notices[0]


def test_foreign_files_are_left_to_others(tmp_path):
    path = tmp_path / "notes.xyz"
    path.write_text("hello")
    assert hooks.get_reader(str(path)) is None
    assert hooks.get_reader([]) is None


def test_labels_of_others_are_saved_where_they_lie(tmp_path):
    data = np.zeros((4, 20, 30), np.uint8)
    data[1, 2:5, 3:9] = 2
    layer = Labels(data, scale=(3, 0.7, 0.5), translate=(1, 2, 3), units=("mm",) * 3)
    (written,) = hooks.write_labels_layer(str(tmp_path / "labels.nii.gz"), *layer.as_layer_data_tuple()[:2])
    assert (read_labels(written) == data).all()
    geometry = read_volume(written).geometry
    assert geometry.spacing == pytest.approx((3, 0.7, 0.5))
    assert geometry.to_world([0, 0, 0]) == pytest.approx([-3, -2, -1])


def test_flat_labels_are_saved_as_a_picture(tmp_path):
    data = np.eye(9, dtype=np.uint16)
    (written,) = hooks.write_labels_layer(str(tmp_path / "a.png"), *Labels(data).as_layer_data_tuple()[:2])
    assert (read_labels(written)[0] == data).all()


def test_the_manifest_names_what_there_is():
    manifest = PluginManifest.from_distribution("napari-medkd")
    manifest.validate_imports()
    (writer,) = manifest.contributions.writers
    assert sorted(writer.filename_extensions) == sorted(writable_suffixes())
    samples = manifest.contributions.sample_data
    assert [one.key for one in samples] == [one.key for one in SAMPLES]
    assert [one.display_name for one in samples] == [one.title for one in SAMPLES]
    assert manifest.contributions.keybindings in (None, [])  # napari does not act on them


@pytest.mark.parametrize("name", ["nuclei", "carotid", "fundus", "spinal_cord", "ct_slice"])
def test_samples_open_and_name_their_authors(name, notices):
    ((data, options, kind),) = getattr(sample_data, name)()
    layer = Layer.create(data, options, kind)
    assert layer.ndim in (2, 3)
    assert "Licence:" in notices[0]


def test_geometries_are_kept_through_the_viewer():
    affine = np.diag([3.0, -0.7, 0.5, 1.0])
    volume = Volume.from_array(np.zeros((4, 20, 30), np.int16), geometry=Geometry((4, 20, 30), affine))
    data, options, kind = hooks.layer_data(volume)
    layer = Layer.create(data, options, kind)
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert abs(np.linalg.det(layer.affine.linear_matrix)) == pytest.approx(3 * 0.7 * 0.5)
