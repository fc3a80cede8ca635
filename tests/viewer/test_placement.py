"""Which slice is on the screen, and where a world position lies in it: transforms and units of all kinds."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import GeometryMismatch, InvalidPrompt
from napari_medkd.viewer.image_source import take_image
from napari_medkd.viewer.placement import displayed_plane
from napari_medkd.viewer.transforms import data_to_world, place_over, transform_of, world_to_data

SHAPE = (6, 20, 30)


def shown(**options):
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(SHAPE, np.uint8), contrast_limits=(0, 1), **options)
    return viewer, layer, take_image(viewer, layer)[1]


TRANSFORMS = {
    "plain": {},
    "anisotropic": {"scale": (5, 0.5, 0.7)},
    "moved": {"translate": (100, -50, 3)},
    "mixed units": {"scale": (2, 700, 500), "units": ("mm", "um", "um")},
    "turned in the plane": {"rotate": [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]},
    "sheared in the plane": {"shear": [0, 0, 0.3]},
    "flipped": {"affine": np.diag([-3, 1, -0.7, 1])},
    "affine": {"affine": [[3, 0, 0, 5], [0, 0.8, -0.6, 1], [0, 0.6, 0.8, 2], [0, 0, 0, 1]]},
}


@pytest.mark.parametrize("options", TRANSFORMS.values(), ids=TRANSFORMS)
def test_world_and_data_are_inverse(options):
    viewer, layer, _ = shown(**options)
    place = np.array([2.0, 7.5, 11.25])
    assert world_to_data(viewer, layer, data_to_world(viewer, layer, place)) == pytest.approx(place)


@pytest.mark.parametrize("options", TRANSFORMS.values(), ids=TRANSFORMS)
def test_the_slider_says_the_slice(options):
    viewer, layer, placement = shown(**options)
    for index in (0, 3, 5):
        viewer.dims.set_point(range(3), data_to_world(viewer, layer, (index, 4, 5)))
        assert displayed_plane(viewer, layer, placement) == Plane(0, index)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0), (2, 1, 0)])
def test_any_order_of_axes(order):
    viewer, layer, placement = shown(scale=(5, 0.5, 0.7), units=("mm", "mm", "mm"))
    viewer.dims.order = order
    viewer.dims.set_point(range(3), data_to_world(viewer, layer, (2, 7, 11)))
    assert displayed_plane(viewer, layer, placement) == Plane(order[0], (2, 7, 11)[order[0]])


def test_a_layer_in_other_units_changes_nothing():
    viewer, layer, placement = shown(scale=(2, 1, 1), units=("mm", "mm", "mm"))
    viewer.add_image(np.zeros(SHAPE), scale=(2000, 1000, 1000), units=("um", "um", "um"))
    viewer.dims.set_point(range(3), data_to_world(viewer, layer, (4, 7, 11)))
    assert displayed_plane(viewer, layer, placement) == Plane(0, 4)


def test_a_slider_outside_the_image_is_a_sentence():
    viewer, layer, placement = shown()
    viewer.add_image(np.zeros((30, 20, 30)))
    viewer.dims.set_point(0, 20)
    with pytest.raises(InvalidPrompt, match=r"number 20, and the image has 0 to 5"):
        displayed_plane(viewer, layer, placement)


def test_a_layer_that_leans_out_of_the_screen_is_refused():
    c, s = np.cos(0.3), np.sin(0.3)
    with pytest.warns(UserWarning, match="[Nn]on-orthogonal"):
        viewer, layer, placement = shown(rotate=[[c, -s, 0], [s, c, 0], [0, 0, 1]])
    with pytest.raises(GeometryMismatch, match="turned out of the screen"):
        displayed_plane(viewer, layer, placement)


def test_another_time_point_is_a_sentence():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, *SHAPE)), contrast_limits=(0, 1))
    viewer.dims.set_point(0, 1)
    _, placement = take_image(viewer, layer)
    assert displayed_plane(viewer, layer, placement).axis == 0
    viewer.dims.set_point(0, 2)
    with pytest.raises(InvalidPrompt, match="stands at 2, but the image was opened at 1"):
        displayed_plane(viewer, layer, placement)
    viewer.dims.order = (1, 2, 0, 3)
    with pytest.raises(GeometryMismatch, match="not a spatial axis"):
        displayed_plane(viewer, layer, placement)


@pytest.mark.parametrize("options", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("kind", ["labels", "points", "shapes"])
def test_a_layer_takes_the_whole_transform_of_another(options, kind):
    viewer, layer, _ = shown(**options, axis_labels=("z", "y", "x"))
    add = {
        "labels": lambda **more: viewer.add_labels(np.zeros(SHAPE, np.uint8), **more),
        "points": lambda **more: viewer.add_points(ndim=3, **more),
        "shapes": lambda **more: viewer.add_shapes(ndim=3, **more),
    }[kind]
    made = add(**transform_of(layer, 3))
    place = (2, 7.5, 11.25)
    assert made.data_to_world(place) == pytest.approx(layer.data_to_world(place))
    assert made.units == layer.units and made.axis_labels == layer.axis_labels
    layer.scale, layer.translate = (7, 8, 9), (1, 2, 3)
    place_over(made, layer)
    assert made.data_to_world(place) == pytest.approx(layer.data_to_world(place))


def test_the_last_axes_of_a_layer_with_time():
    viewer = ViewerModel()
    layer = viewer.add_image(
        np.zeros((4, *SHAPE)), scale=(9, 5, 0.5, 0.7), shear=[0, 0, 0, 0, 0, 0.3], contrast_limits=(0, 1)
    )
    made = viewer.add_labels(np.zeros(SHAPE, np.uint8), **transform_of(layer, 3))
    assert made.data_to_world((2, 7, 11)) == pytest.approx(layer.data_to_world((0, 2, 7, 11))[1:])
