"""How the axes of an image layer sit in the session's (z, y, x), and which slice of it is on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import GeometryMismatch, InvalidPrompt
from napari_medkd.viewer.transforms import linear_part, world_to_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

_LEAN = 1e-3  # of a unit vector: half a voxel over 500 voxels


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the session's volume lies in an image layer.

    Parameters
    ----------
    leading : tuple of int
        Indices of the layer's axes before the volume's (time, channels), fixed when it was opened.
    ndim : int
        2 for a picture, 3 for a volume: the axes of the layers that we add.
    """

    leading: tuple[int, ...]
    ndim: int

    def to_volume(self, coordinates: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """Take coordinates of the image layer, or of one of ours, to (z, y, x)."""
        last = np.asarray(coordinates, dtype=np.float64)[-self.ndim :]
        return np.concatenate([np.zeros(3 - self.ndim), last])

    def from_volume(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Take (…, 3) volume coordinates to those of the layers that we add."""
        return np.asarray(points, dtype=np.float64)[..., 3 - self.ndim :]

    def view(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a (z, y, x) array as a layer's data, sharing memory."""
        return array[0] if self.ndim == 2 else array


def displayed_plane(viewer: ViewerModel, layer: Layer, placement: Placement) -> Plane:
    """Return the slice of the volume in `layer` that the viewer shows.

    Raises
    ------
    GeometryMismatch
        Where no slice is shown: a 3-D view, a view across time, a layer that leans out of the screen, or a
        slider that stands outside the image.
    """
    if viewer.dims.ndisplay != 2:
        raise GeometryMismatch("Prompts need a 2-D view; the viewer shows 3-D.", "Press the 2D/3D button.")
    offset = viewer.dims.ndim - layer.ndim
    if offset < 0:  # the layer is being removed: the viewer's sliders went before it
        raise GeometryMismatch("The image is not in the viewer any more.", "Open it again.")
    shown = [axis - offset for axis in viewer.dims.displayed]
    if min(shown) < len(placement.leading):
        raise GeometryMismatch(
            "The viewer shows an axis that is not a spatial axis of the image.",
            "Change the order of the displayed axes with the buttons below the layer list.",
        )
    _refuse_leaning(layer, shown)
    point = world_to_data(viewer, layer, viewer.dims.point)
    _check_leading(point, placement)
    if placement.ndim == 2:
        return Plane(0, 0)
    (sliced,) = {*range(layer.ndim - 3, layer.ndim)} - {*shown}
    plane = Plane(sliced - (layer.ndim - 3), round(float(point[sliced])))
    size = volume_shape(layer)[plane.axis]
    if not 0 <= plane.index < size:
        raise InvalidPrompt(
            f"The slice on the screen is outside the image: it is number {plane.index}, and the image has 0 "
            f"to {size - 1}.",
            "Move the slider back to the image.",
        )
    return plane


def volume_shape(layer: Layer) -> tuple[int, ...]:
    """Return the spatial shape of an image layer at full resolution, its last three axes at most."""
    data = layer.data[0] if layer.multiscale else layer.data
    shape = data.shape[:-1] if layer.rgb else data.shape
    return tuple(int(n) for n in shape[-3:])


def _refuse_leaning(layer: Layer, shown: list[int]) -> None:
    matrix = linear_part(layer)
    lean = np.abs(matrix / np.linalg.norm(matrix, axis=0))
    hidden = [axis for axis in range(layer.ndim) if axis not in shown]
    if max(lean[np.ix_(hidden, shown)].max(initial=0), lean[np.ix_(shown, hidden)].max(initial=0)) > _LEAN:
        raise GeometryMismatch(
            "This layer is turned out of the screen's plane, so no slice of it can be shown as stored.",
            "Open the file with the reader of napari-medkd, or look along another axis.",
        )


def _check_leading(point: NDArray[np.float64], placement: Placement) -> None:
    for axis, index in enumerate(placement.leading):
        if round(float(point[axis])) != index:
            raise InvalidPrompt(
                f"The slider of axis {axis} stands at {round(float(point[axis]))}, but the image was opened "
                f"at {index}.",
                "Move it back, or choose that number in the panel's box Image.",
            )
