"""Bringing an object into view: its slice, near enough to be judged, and no further than needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.viewer.transforms import data_to_world

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_medkd.session.suggestion import Part
    from napari_medkd.viewer.workspace import Workspace

_SMALL, _LARGE = 0.03, 0.9  # of the canvas that an object must take up not to be brought nearer, or further
_NEARER, _FURTHER = 0.12, 0.8  # that it takes up then
_MIDST = 0.45  # of the canvas around its middle: an object that leaves it is moved to the middle


def fly_to(workspace: Workspace, part: Part) -> None:
    """Show a part of a suggestion; where it can be seen well already, nothing moves."""
    image, placement, viewer = workspace.image, workspace.placement, workspace.viewer
    if image is None or placement is None:
        return
    if part.plane != workspace.session.plane:
        workspace.show_plane(part.plane)
    rows, columns = part.piece.window
    corners = np.array([(rows.start, columns.start), (rows.stop, columns.stop)], np.float64) - 0.5
    places = placement.from_volume(part.plane.to_volume(corners))
    offset = viewer.dims.ndim - image.ndim
    shown = [axis - offset for axis in viewer.dims.displayed]
    world = np.array(
        [data_to_world(viewer, image, np.array([*placement.leading, *place]))[shown] for place in places]
    )
    _look_at(viewer, world.min(axis=0), world.max(axis=0))


def _look_at(viewer: ViewerModel, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
    """Bring a rectangle of the world into view, (row, column) of its corners."""
    camera, canvas = viewer.scene.camera, np.array(viewer.canvas.size, np.float64)
    middle, size = (low + high) / 2, np.maximum(high - low, 1e-9)
    share = float((size * camera.zoom / canvas).max())
    furthest = np.abs(np.array(camera.center)[-2:] - middle) + size / 2
    is_out_of_sight = bool((furthest * camera.zoom > _MIDST * canvas).any())
    is_ill_sized = not _SMALL <= share <= _LARGE
    if is_ill_sized:
        wanted = _NEARER if share < _SMALL else _FURTHER
        camera.zoom = wanted * float((canvas / size).min())
    if is_ill_sized or is_out_of_sight:
        camera.center = (*camera.center[:-2], *middle)
