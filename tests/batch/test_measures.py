import numpy as np
import pytest

from napari_medkd.batch.measures import classes, measure, unit_of
from napari_medkd.core.geometry import Geometry


def placed(shape, spacing):
    return Geometry(shape, np.diag([*spacing, 1.0]))


def test_a_rectangle_in_millimetres():
    labels = np.zeros((1, 20, 30), np.uint8)
    labels[0, 4:8, 10:22] = 1  # 4 rows of 2 mm, 12 columns of 0.5 mm: 8 by 6 mm
    (one,) = measure(labels, {1: "lesion"}, placed(labels.shape, (1, 2, 0.5)))
    assert (one.unit, one.dimensions, one.voxels, one.name) == ("mm", 2, 48, "lesion")
    assert one.size == pytest.approx(48)
    assert one.equivalent_diameter == pytest.approx(2 * (48 / np.pi) ** 0.5)
    assert one.longest_diameter == pytest.approx(10, abs=2)  # its diagonal, to a pixel
    assert one.centre == (0, 5.5, 15.5)


def test_a_box_in_a_volume():
    labels = np.zeros((6, 20, 30), np.uint8)
    labels[1:4, 4:8, 10:22] = 2
    labels[3, 4:16, 10:22] = 2
    (one,) = measure(labels, {}, placed(labels.shape, (5, 1, 1)))
    assert (one.label, one.dimensions, one.first_slice, one.last_slice) == (2, 3, 1, 3)
    assert one.size == pytest.approx((48 * 2 + 144) * 5)
    assert one.longest_diameter == pytest.approx(12 * 2**0.5, abs=1)  # on slice 3, where it is largest


def test_objects_of_a_class_are_numbered_by_size_and_pixels_are_said_to_be_pixels():
    labels = np.zeros((1, 20, 20), np.uint8)
    labels[0, 0:2, 0:2] = 1
    labels[0, 10:14, 10:14] = 1
    labels[0, 18, 18] = 3
    found = measure(labels, {1: "nucleus"}, Geometry.image(labels.shape))
    assert [(one.label, one.number, one.voxels, one.unit) for one in found] == [
        (1, 1, 16, "px"),
        (1, 2, 4, "px"),
        (3, 1, 1, "px"),
    ]


def test_classes_that_were_not_found_are_told_with_nothing():
    labels = np.zeros((2, 5, 5), np.uint16)
    labels[0, :2] = 300
    found = classes(labels, {1: "liver", 300: "spleen"}, placed(labels.shape, (2, 1, 1)))
    assert [(one.label, one.name, one.voxels, one.size) for one in found] == [
        (1, "liver", 0, 0),
        (300, "spleen", 10, 20),
    ]


def test_a_picture_with_a_known_pixel_size_is_in_millimetres():
    assert unit_of(Geometry.image((1, 5, 5))) == "px"
    assert unit_of(Geometry.image((1, 5, 5), (1, 0.2, 0.2))) == "mm"
    assert unit_of(placed((2, 5, 5), (1, 1, 1))) == "mm"
