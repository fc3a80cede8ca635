"""The axes of an image before those of its volume: time points and channels, and going to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.viewer.transforms import data_to_world, world_to_data
from napari_medkd.widgets.leading_chooser import LeadingAxis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_medkd.viewer.placement import Placement


def leading_axes(image: Image, placement: Placement) -> tuple[LeadingAxis, ...]:
    """Return the axes of an image before those of its volume, with the index that was opened of each."""
    data = image.data[0] if image.multiscale else image.data
    names = (_name(str(label), axis) for axis, label in enumerate(image.axis_labels))
    return tuple(
        LeadingAxis(name, int(data.shape[axis]), at)
        for axis, (name, at) in enumerate(zip(names, placement.leading, strict=False))
    )


def go_to(viewer: ViewerModel, image: Image, leading: Sequence[int]) -> None:
    """Move the sliders of an image's leading axes to these indices."""
    offset = viewer.dims.ndim - image.ndim
    place = world_to_data(viewer, image, viewer.dims.point)
    place[: len(leading)] = leading
    world = data_to_world(viewer, image, place)
    for axis in range(len(leading)):
        viewer.dims.set_point(offset + axis, float(world[axis]))


def _name(label: str, axis: int) -> str:
    """Return what an axis is called; a label that is only a number says nothing."""
    return label.capitalize() if label.strip("-").isalpha() else f"Axis {axis}"
