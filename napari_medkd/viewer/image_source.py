"""From an image layer of the viewer to the Volume that a session takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_medkd.core.geometry import RAS_TO_VIEW, Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.errors import GeometryMismatch
from napari_medkd.viewer.placement import Placement
from napari_medkd.viewer.transforms import linear_part, millimetres, world_to_data

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

METADATA_KEY = "medkd_volume"  # where our reader leaves the Volume in a layer's metadata
NAMES_KEY = "medkd_names"  # what the values of a labels layer stand for


def take_image(viewer: ViewerModel, layer: Layer) -> tuple[Volume, Placement]:
    """Return the image of `layer` as a Volume, and how its axes sit in it.

    Metadata of our own reader are kept (orientation of the file, modality, window); any other layer gives
    its transform as geometry and its contrast limits as window. A layer of more than three axes gives the
    volume that is on the screen.

    Raises
    ------
    GeometryMismatch
        Where the layer is no image that can be segmented.
    """
    if not isinstance(layer, Image):
        raise GeometryMismatch(f"{layer.name} is not an image layer.", "Select an image.")
    data = layer.data[0] if layer.multiscale else layer.data
    placement = Placement(_leading(viewer, layer), min(layer.ndim, 3))
    data = _as_volume(data, layer.rgb, placement)
    read = layer.metadata.get(METADATA_KEY)
    if isinstance(read, Volume) and read.data.shape == data.shape:
        volume = read if _same_values(read.data, data) else replace(read, data=data)
        return _as_shown(volume, layer), placement
    return _wrap(layer, data, placement), placement


def _as_shown(volume: Volume, layer: Image) -> Volume:
    """Return the volume through the window that the user sees it through."""
    shown = display_window(layer)
    if layer.rgb or np.allclose((shown.low, shown.high), (volume.window.low, volume.window.high)):
        return volume
    return volume.with_window(shown)


def display_window(layer: Image) -> Window:
    """Return the window that the viewer shows `layer` through."""
    if layer.rgb:
        is_integer = np.issubdtype(layer.dtype, np.integer)
        return Window(0.0, float(np.iinfo(layer.dtype).max) if is_integer else 1.0, "Full range")
    low, high = layer.contrast_limits
    return Window(float(low), float(high), "As displayed")


def volume_of_layer(data: NDArray[Any], ndim: int, options: dict[str, Any]) -> Volume:
    """Return (z, y, x) `data` placed as a labels layer of `ndim` axes with these options would be."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units")
    placed = Labels(
        np.zeros((1,) * ndim, np.uint8), **{name: options[name] for name in names if name in options}
    )
    return Volume(data, _geometry(placed, data, ndim), "GRAY", Window(0.0, 1.0), "labels")


def _leading(viewer: ViewerModel, layer: Image) -> tuple[int, ...]:
    extra = layer.ndim - 3
    if extra <= 0:
        return ()
    point = world_to_data(viewer, layer, viewer.dims.point)
    data = layer.data[0] if layer.multiscale else layer.data
    limits = np.asarray(data.shape[:extra]) - 1
    return tuple(int(n) for n in np.clip(np.round(point[:extra]), 0, limits))


def _as_volume(data: Any, rgb: bool, placement: Placement) -> Any:
    """Return (z, y, x[, 3]): leading axes fixed, a picture as one slice, opacity left out."""
    if placement.leading:
        data = data[placement.leading]
    if rgb:
        data = data[..., :3]
    return np.asarray(data)[np.newaxis] if placement.ndim == 2 else data


def _same_values(known: Any, data: Any) -> bool:
    if isinstance(known, np.ndarray) and isinstance(data, np.ndarray):
        same_place = known.__array_interface__["data"] == data.__array_interface__["data"]
        return bool(same_place and _steps(known) == _steps(data) and known.dtype == data.dtype)
    return known is data


def _steps(array: NDArray[Any]) -> list[int]:
    return [step for step, n in zip(array.strides, array.shape, strict=True) if n > 1]


def _wrap(layer: Image, data: Any, placement: Placement) -> Volume:
    notes: tuple[str, ...] = ()
    if placement.leading:
        where = ", ".join(f"axis {axis} at {index}" for axis, index in enumerate(placement.leading))
        notes = (f"The volume on the screen is taken ({where}); labels are for it alone.",)
    return Volume(
        data,
        _geometry(layer, data, placement.ndim),
        "RGB" if layer.rgb else "GRAY",
        display_window(layer),
        layer.name,
        notes=notes,
    )


def _geometry(layer: Layer, data: Any, ndim: int) -> Geometry:
    """Return the layer's transform as a geometry, the viewer's world being (inferior, posterior, left)."""
    view = np.eye(4)
    unit = millimetres(layer)
    factor = np.ones(ndim) if unit is None else unit[-ndim:]
    matrix: NDArray[np.float64] = linear_part(layer)[-ndim:, -ndim:] * factor[:, np.newaxis]
    view[3 - ndim : 3, 3 - ndim : 3] = matrix
    view[3 - ndim : 3, 3] = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))[-ndim:] * factor
    z, y, x = (int(n) for n in data.shape[:3])
    return Geometry((z, y, x), np.linalg.inv(RAS_TO_VIEW) @ view, from_file=unit is not None)
