from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window


def stack(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 1000, (3, 5, 7)).astype(np.int16)


def test_a_picture_becomes_one_slice():
    volume = Volume.from_array(np.zeros((5, 7), np.uint8))
    assert volume.shape == (1, 5, 7) and volume.modality == "GRAY" and not volume.is_rgb


def test_a_last_axis_of_three_bytes_is_colour():
    volume = Volume.from_array(np.zeros((5, 7, 3), np.uint8))
    assert volume.shape == (1, 5, 7) and volume.is_rgb and volume.modality == "RGB"


def test_three_columns_of_another_type_are_not_colour():
    volume = Volume.from_array(np.zeros((5, 7, 3), np.int16))
    assert volume.shape == (5, 7, 3) and not volume.is_rgb


def test_data_and_geometry_must_agree():
    with pytest.raises(ValueError, match="does not fit"):
        Volume(stack(), Geometry.image((3, 5, 8)), "CT", Window(0, 1), "x")


def test_slices_go_through_the_window():
    data = np.array([[[0, 50, 100, 200]]], np.int16)
    volume = Volume.from_array(data, modality="MR").with_window(Window(0, 100))
    seen = volume.slice_uint8(Plane(0, 0))
    assert seen.shape == (1, 4, 3) and seen.dtype == np.uint8
    assert seen[0, :, 0].tolist() == [0, 128, 255, 255]


def test_colours_are_seen_as_they_are():
    data = np.random.default_rng(0).integers(0, 255, (4, 5, 3)).astype(np.uint8)
    volume = Volume.from_array(data)
    assert np.array_equal(volume.slice_uint8(Plane(0, 0)), data)


def test_content_id_names_values_and_place_but_not_name_or_window():
    volume = Volume.from_array(stack(), modality="CT", name="a")
    assert volume.content_id == Volume.from_array(stack(), modality="CT", name="b").content_id
    assert volume.content_id == volume.with_window(Window(0, 1)).content_id
    assert volume.content_id != Volume.from_array(stack(1), modality="CT").content_id
    moved = replace(volume, geometry=Geometry(volume.shape, np.diag([2.0, 1, 1, 1])))
    assert volume.content_id != moved.content_id


def test_repr_says_what_a_person_needs():
    geometry = Geometry((3, 5, 7), np.diag([3.0, 0.7, 0.7, 1]))
    text = repr(Volume.from_array(stack(), geometry=geometry, modality="CT", name="liver"))
    assert text == "Volume(liver: 3×5×7 int16, 3×0.7×0.7 mm, CT)"
    assert "px" in repr(Volume.from_array(np.zeros((5, 7), np.uint8)))
