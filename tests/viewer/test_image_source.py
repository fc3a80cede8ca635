from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.errors import GeometryMismatch
from napari_medkd.viewer.hooks import layer_data
from napari_medkd.viewer.image_source import METADATA_KEY, take_image

OBLIQUE = np.array([[0.3, -0.1, -0.9, 12.0], [0.2, -0.8, 0.15, -30.0], [2.9, 0.1, 0.25, 7.0], [0, 0, 0, 1.0]])


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def values(*shape: int, kind: str = "uint8") -> np.ndarray:
    return (np.arange(int(np.prod(shape))).reshape(shape) % 251).astype(kind)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "float32", "float64", "bool"])
def test_a_grey_picture_is_a_volume_of_one_slice(viewer, kind):
    data = values(20, 30, kind=kind)
    volume, placement = take_image(viewer, viewer.add_image(data, contrast_limits=(0, 1)))
    assert volume.shape == (1, 20, 30) and placement.ndim == 2 and placement.leading == ()
    assert np.shares_memory(volume.data, data)
    assert (volume.window.low, volume.window.high) == (0, 1)
    assert not volume.geometry.from_file


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("kind", "high"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_a_colour_picture(viewer, channels, kind, high):
    data = values(20, 30, channels, kind=kind)
    if kind == "float32":
        data /= 255
    volume, _ = take_image(viewer, viewer.add_image(data, rgb=True))
    assert volume.is_rgb and volume.data.shape == (1, 20, 30, 3)
    assert volume.window.high == high
    assert volume.slice_uint8(Plane(0, 0)).dtype == np.uint8


def test_a_volume_keeps_its_transform_as_geometry(viewer):
    layer = viewer.add_image(
        values(4, 20, 30), scale=(3, 0.7, 0.5), translate=(10, 20, 30), units=("mm", "mm", "mm")
    )
    volume, _ = take_image(viewer, layer)
    assert volume.geometry.from_file
    assert volume.geometry.spacing == pytest.approx((3, 0.7, 0.5))
    # The viewer's world is (inferior, posterior, left).
    assert volume.geometry.to_world(np.array([0, 0, 0])) == pytest.approx([-30, -20, -10])


def test_micrometres_become_millimetres(viewer):
    layer = viewer.add_image(values(4, 20, 30), scale=(3000, 700, 0.5), units=("um", "um", "mm"))
    volume, _ = take_image(viewer, layer)
    assert volume.geometry.spacing == pytest.approx((3, 0.7, 0.5))


def test_the_volume_of_our_reader_comes_back_itself(viewer):
    read = Volume(
        values(4, 20, 30), Geometry((4, 20, 30), OBLIQUE), "CT", Window(0, 250, "Full range"), "scan"
    )
    data, options, _ = layer_data(read)
    layer = viewer.add_image(data, **options)
    volume, _ = take_image(viewer, layer)
    assert volume is read
    layer.contrast_limits = (10, 100)
    assert take_image(viewer, layer)[0].window == Window(10, 100, "As displayed")
    layer.data = 250 - read.data
    volume, _ = take_image(viewer, layer)
    assert volume.geometry is read.geometry and volume.modality == "CT"
    assert volume.content_id != read.content_id


def test_metadata_of_another_image_are_not_believed(viewer):
    other = Volume.from_array(values(9, 9))
    volume, _ = take_image(viewer, viewer.add_image(values(20, 30), metadata={METADATA_KEY: other}))
    assert volume.shape == (1, 20, 30)


def test_time_is_taken_where_the_slider_stands(viewer):
    data = values(5, 4, 20, 30)
    layer = viewer.add_image(data)
    viewer.dims.set_point(0, 3)
    volume, placement = take_image(viewer, layer)
    assert placement.leading == (3,) and placement.ndim == 3
    assert (volume.data == data[3]).all()
    assert "axis 0 at 3" in volume.notes[0]


def test_a_pyramid_gives_its_full_resolution(viewer):
    data = values(64, 64)
    volume, _ = take_image(viewer, viewer.add_image([data, data[::2, ::2]], multiscale=True))
    assert (volume.data[0] == data).all()


def test_dask_is_read_slice_by_slice(viewer):
    da = pytest.importorskip("dask.array")
    read = []

    def block(block_info=None):
        where = block_info[None]["array-location"][0][0]
        read.append(where)
        return np.full((1, 20, 30), where, np.uint8)

    data = da.map_blocks(
        block, chunks=((1,) * 50, (20,), (30,)), dtype=np.uint8, meta=np.zeros((0, 0, 0), np.uint8)
    )
    layer = viewer.add_image(data, contrast_limits=(0, 50), cache=False)
    volume, _ = take_image(viewer, layer)
    read.clear()
    assert (volume.slice(Plane(0, 7)) == 7).all()
    assert read == [7]


def test_what_is_no_image_is_refused(viewer):
    with pytest.raises(GeometryMismatch, match="not an image"):
        take_image(viewer, viewer.add_labels(values(20, 30)))
