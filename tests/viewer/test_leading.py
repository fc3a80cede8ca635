"""Time points and channels: each has labels of its own, which wait for it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.viewer.leading import go_to, leading_axes
from napari_medkd.widgets.leading_chooser import LeadingAxis
from tests.viewer.conftest import Desk


@pytest.fixture
def desk(tmp_path):
    one = Desk(tmp_path)
    yield one
    one.workspace.discard()


def test_going_to_another_time_point_and_back(desk):
    series = np.zeros((2, 3, 4, 20, 24), np.uint8)
    series[0, :, 1:3, 5:12, 6:15], series[1, :, 1:3, 10:17, 6:15] = 200, 180
    labels = ("time", "channel", "-3", "-2", "-1")
    image = desk.viewer.add_image(series, name="scan", scale=(2, 1, 3, 0.5, 0.5), axis_labels=labels)
    go_to(desk.viewer, image, (0, 1))
    assert desk.workspace.open(image)
    assert leading_axes(image, desk.workspace.placement) == (
        LeadingAxis("Time", 2, 0),
        LeadingAxis("Channel", 3, 1),
    )
    desk.workspace.show_plane(Plane(0, 1))
    desk.workspace.propose(Prompt(Plane(0, 1), box=Box(3, 4, 14, 17)))
    desk.session.commit()
    first = desk.session.labels.copy()
    go_to(desk.viewer, image, (1, 1))
    assert desk.workspace.open(image) and desk.workspace.placement.leading == (1, 1)
    assert first.any() and not desk.session.labels.any()
    assert desk.workspace.plane() == Plane(0, 1)  # the slice stays
    go_to(desk.viewer, image, (0, 1))
    assert desk.workspace.open(image) and np.array_equal(desk.session.labels, first)


def test_an_axis_without_a_name_is_known_by_its_number(desk):
    image = desk.viewer.add_image(np.zeros((2, 4, 20, 24), np.uint8), name="scan")
    assert desk.workspace.open(image)
    assert [axis.name for axis in leading_axes(image, desk.workspace.placement)] == ["Axis 0"]
