import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.session.measuring import Measuring, measuring
from napari_medkd.session.packing import PackedMask
from tests.session.conftest import BOTH


@pytest.fixture(scope="module")
def block():
    """10 by 20 by 30 voxels of 3 × 0.5 × 1 mm, of the value 70."""
    data = np.full((16, 40, 50), -20, np.int16)
    data[3:13, 10:30, 5:35] = 70
    return Volume.from_array(data, geometry=Geometry.image(data.shape, (3.0, 0.5, 1.0)), modality="CT")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_object_is_as_large_whatever_axis_it_was_made_along(block, axis):
    inside = block.data == 70
    planes = [Plane(axis, index) for index in range(block.shape[axis])]
    sheets = [(one, PackedMask.of(inside[one.slicing()])) for one in planes if inside[one.slicing()].any()]
    *waiting, found = measuring(sheets, block)
    assert not any(waiting)
    assert found.voxels == 6000 and found.size == pytest.approx(9000) and found.unit == "mm"
    assert found.mean == pytest.approx(70)
    assert found.diameters.longest == pytest.approx(np.hypot(10, 29.5), rel=0.03)


def test_the_object_in_hand_and_its_class(session):
    sizes = Measuring(session)
    sizes.measure_object()
    assert sizes.object is None and sizes.of_class is None
    session.set_prompt(BOTH)
    sizes.measure_object()
    assert sizes.object.voxels == 350
    session.commit()
    sizes.measure_object()
    sizes.measure_class()
    assert sizes.object is None and sizes.of_class.voxels == 350
    assert sizes.of_class.size == pytest.approx(350 * 3.0 * 0.7 * 0.8)


def test_colours_have_no_mean():
    volume = Volume.from_array(np.zeros((8, 9, 3), np.uint8))
    mask = np.zeros((8, 9), bool)
    mask[2:4, 2:5] = True
    (found,) = measuring([(Plane(0, 0), PackedMask.of(mask))], volume)
    assert found.mean is None and not found.is_volume and found.unit == "px"
