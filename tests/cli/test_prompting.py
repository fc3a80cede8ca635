import numpy as np
import pytest

from napari_medkd.cli.prompting import build_prompt, choose_plane, parse_box, parse_point, parse_window
from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt

VOLUME = Volume.from_array(np.zeros((4, 5, 6), np.int16))


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("12,5", Point(5, 12)),
        ("12.5,0.25", Point(0.25, 12.5)),
        ("-12,5", Point(5, 12, positive=False)),
        ("-0,5", Point(5, 0, positive=False)),
        (" -3, 4 ", Point(4, 3, positive=False)),
    ],
)
def test_a_leading_minus_makes_a_click_outside(text, point):
    assert parse_point(text) == point


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "1;2", "nan,1", "inf,2", "--1,2x"])
def test_what_is_no_point_is_said_with_the_form(text):
    with pytest.raises(InvalidPrompt, match=r"--point .* is not of the form X,Y"):
        parse_point(text)


def test_box_corners_may_come_in_any_order():
    assert parse_box("40,30,10,20") == Box(top=20, left=10, bottom=30, right=40)


def test_window_must_rise():
    assert parse_window("-160,240").high == 240
    with pytest.raises(InvalidPrompt, match="empty"):
        parse_window("240,-160")


def test_a_volume_needs_a_slice_and_a_picture_does_not():
    with pytest.raises(InvalidPrompt, match="4 slices along z") as caught:
        choose_plane(VOLUME, "z", None)
    assert "0 to 3" in caught.value.hint
    assert choose_plane(VOLUME, "x", 5) == Plane(2, 5)
    assert choose_plane(Volume.from_array(np.zeros((5, 6), np.uint8)), "z", None) == Plane(0, 0)


@pytest.mark.parametrize("index", [-1, 4])
def test_a_slice_outside_is_refused(index):
    with pytest.raises(InvalidPrompt, match="does not exist"):
        choose_plane(VOLUME, "z", index)


def test_something_must_be_prompted():
    with pytest.raises(InvalidPrompt, match="Nothing says where"):
        build_prompt(Plane(0, 0), None, [])


def test_box_and_points_make_one_prompt():
    prompt = build_prompt(Plane(0, 2), "1,2,3,4", ["5,6", "-7,8"])
    assert prompt.box == Box(2, 1, 4, 3)
    assert prompt.points == (Point(6, 5), Point(8, 7, positive=False))
