import numpy as np
import pytest
from PIL import Image

from napari_medkd.batch import picture
from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.errors import StorageError
from tests.batch.made import pixels

ORANGE = (230, 159, 0)


def drawn(labels, geometry, plane=None, side=200):
    image = Volume.from_array(np.zeros(labels.shape, np.uint8), geometry=geometry, name="x")
    return np.asarray(picture.draw(image, labels, plane or Plane(0, 0), side)).astype(int)


def outline(shown):
    return (np.abs(shown - ORANGE) < 10).all(axis=-1)


def test_the_outline_lies_on_the_object_and_is_thin():
    labels = np.zeros((1, 100, 80), np.uint8)
    labels[0, 20:60, 30:70] = 1
    shown = drawn(labels, Geometry.image(labels.shape))
    assert shown.shape == (200, 160, 3)
    rows, columns = np.nonzero(outline(shown))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 119, 60, 139)
    assert not outline(shown)[50:110, 70:130].any()


def test_millimetres_are_square():
    labels = np.zeros((1, 10, 40), np.uint8)
    geometry = Geometry(labels.shape, np.diag([1.0, 4.0, 1.0, 1.0]))
    assert drawn(labels, geometry, side=40).shape == (40, 40, 3)


def test_a_patient_lies_as_the_viewer_shows_it():
    labels = np.zeros((1, 50, 50), np.uint8)
    labels[0, :10, :10] = 1  # index 0 is right and posterior where the axes lead to left and anterior
    affine = np.array([[0, 0, -1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    flipped = outline(drawn(labels, Geometry(labels.shape, affine), side=50))
    assert flipped[40, :10].all() and not flipped[:40].any() and not flipped[:, 10:].any()


def test_a_small_picture_of_a_huge_slice_takes_little_memory():
    labels = np.zeros((1, 4000, 6000), np.uint8)
    labels[0, 1000:3000, 1000:3000] = 1
    shown = drawn(labels, Geometry.image(labels.shape), side=120)
    assert shown.shape == (80, 120, 3) and outline(shown).any()


def test_the_slice_with_most_of_it_is_shown():
    labels = np.zeros((9, 5, 6), np.uint8)
    assert picture.most_of(labels, 0) == Plane(0, 4)
    labels[7, 1:3, 1:3] = 2
    labels[2, 1, 1] = 1
    assert picture.most_of(labels, 0) == Plane(0, 7)
    assert picture.most_of(labels, 2).axis == 2


def test_a_picture_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    one = Image.new("RGB", (5, 5))
    picture.save(one, tmp_path / "deep" / "a.jpg")
    assert pixels(tmp_path / "deep" / "a.jpg").shape == (5, 5, 3)

    def full(self, file, **options):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(StorageError, match="No space left"):
        picture.save(one, tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
