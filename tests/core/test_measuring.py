import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.measuring import Diameters, axial_axis, diameters, voxel_size


def test_a_rectangle_is_measured_from_edge_to_edge():
    mask = np.zeros((20, 30), bool)
    mask[4:8, 10:22] = True  # 4 by 12 pixels
    found = diameters(mask, (1.0, 1.0))
    assert found.longest == pytest.approx(np.hypot(12, 3), abs=0.01)
    assert found.perpendicular == pytest.approx(4, abs=0.6)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 0.5)])
def test_a_disc_is_as_long_as_it_is_wide(spacing):
    rows, columns = np.ogrid[:101, :101]
    found = diameters((rows - 50) ** 2 + (columns - 50) ** 2 <= 40**2, spacing)
    assert found.longest == pytest.approx(81 * spacing[0], rel=0.02)
    assert found.perpendicular == pytest.approx(found.longest, rel=0.02)


def test_the_spacing_of_each_axis_counts():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 15:20] = True
    found = diameters(mask, (0.5, 4.0))  # 10 mm tall, 20 mm wide
    assert found.longest == pytest.approx(np.hypot(9.5, 20), rel=0.03)
    assert 9 < found.perpendicular < 12


def test_a_bent_object_is_not_measured_across_its_bend():
    mask = np.zeros((60, 60), bool)
    mask[5:8, 5:55] = True
    mask[5:30, 5:8] = True
    assert diameters(mask, (1, 1)).perpendicular < 30


def test_a_single_pixel_and_nothing():
    mask = np.zeros((5, 5), bool)
    assert diameters(mask, (1, 1)) == Diameters(0.0, 0.0)
    mask[2, 2] = True
    assert diameters(mask, (2, 2)).longest == pytest.approx(2)


def test_axial_slices_are_found_however_the_volume_is_stored():
    assert axial_axis(Geometry((5, 6, 7), np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]])) == 0
    coronal = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    assert axial_axis(Geometry((5, 6, 7), coronal)) == 1


def test_a_voxel_of_a_picture_is_an_area():
    assert voxel_size(Geometry.image((1, 5, 5), (3, 0.5, 0.2))) == pytest.approx(0.1)
    assert voxel_size(Geometry.image((4, 5, 5), (3, 0.5, 0.2))) == pytest.approx(0.3)


def test_a_leaning_voxel_is_no_larger_than_it_is():
    sheared = np.diag([2.0, 1.0, 1.0, 1.0])
    sheared[0, 1] = 1.0  # the second axis leans by 45 degrees: its step is longer, the voxel is not larger
    assert voxel_size(Geometry((4, 5, 5), sheared)) == pytest.approx(2.0)
