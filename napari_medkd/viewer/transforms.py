"""World ↔ data of one layer with its units, and layers that lie where another one lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    Position = Sequence[float] | NDArray[Any]

# What places a layer in the world; each is an attribute and an event of the same name.
TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def world_to_data(viewer: ViewerModel, layer: Layer, position: Position) -> NDArray[np.float64]:
    """Take a world position of the viewer to data coordinates of `layer`.

    Positions are in the viewer's common unit while a layer's own conversion ignores units: with a layer in
    micrometres beside one in millimetres the plain call is wrong by a factor of a thousand.
    """
    world = np.asarray(position, dtype=np.float64)[-layer.ndim :] * _to_layer_units(viewer, layer)
    return np.asarray(layer.world_to_data(world), dtype=np.float64)


def data_to_world(viewer: ViewerModel, layer: Layer, position: Position) -> NDArray[np.float64]:
    """Take data coordinates of `layer` to the world of the viewer; the inverse of `world_to_data`."""
    world = np.asarray(layer.data_to_world(np.asarray(position, dtype=np.float64)), dtype=np.float64)
    return world / _to_layer_units(viewer, layer)


def linear_part(layer: Layer) -> NDArray[np.float64]:
    """Return the (ndim, ndim) matrix of data → world, a column per data axis."""
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))
    columns = [np.asarray(layer.data_to_world(axis)) - origin for axis in np.eye(layer.ndim)]
    return np.stack(columns, axis=1)


def backwards(layer: Layer) -> frozenset[int]:
    """Return which of a volume's axes (the layer's last three) run against the world's."""
    if layer.ndim < 3:
        return frozenset()
    linear = linear_part(layer)[-3:, -3:]
    return frozenset(axis for axis in range(3) if linear[np.abs(linear[:, axis]).argmax(), axis] < 0)


def millimetres(layer: Layer) -> NDArray[np.float64] | None:
    """Return how many millimetres each world unit of `layer` is; None where they are no lengths (pixels)."""
    quantity = _quantity()
    sizes = [quantity(1, unit) for unit in layer.units]
    if not all(size.check("[length]") for size in sizes):
        return None
    return np.array([size.to("millimeter").magnitude for size in sizes])


def transform_of(layer: Layer, ndim: int) -> dict[str, Any]:
    """Return what places a layer of the last `ndim` axes of `layer` exactly over it, as layer arguments."""
    affine = np.asarray(layer.affine.affine_matrix)
    keep = [*range(layer.ndim - ndim, layer.ndim), layer.ndim]
    return {
        "scale": np.asarray(layer.scale)[-ndim:],
        "translate": np.asarray(layer.translate)[-ndim:],
        "rotate": np.asarray(layer.rotate)[-ndim:, -ndim:],
        "shear": _shear_of(layer, ndim),
        "affine": affine[np.ix_(keep, keep)],
        "units": tuple(layer.units)[-ndim:],
        "axis_labels": tuple(layer.axis_labels)[-ndim:],
    }


def place_over(layer: Layer, image: Layer) -> None:
    """Move `layer` exactly over `image`, changing only what differs (each change costs a redraw)."""
    for name, value in transform_of(image, layer.ndim).items():
        current = getattr(layer, name)
        if name == "affine":
            current = current.affine_matrix
        same = current == value if name in ("units", "axis_labels") else np.array_equal(current, value)
        if not same:
            setattr(layer, name, value)


def _quantity() -> Any:
    return pint.get_application_registry().Quantity  # type: ignore[no-untyped-call]


def _to_layer_units(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    if viewer.dims.units is None:
        return np.ones(layer.ndim)
    quantity = _quantity()
    pairs = zip(viewer.dims.units[-layer.ndim :], layer.units, strict=True)
    return np.array([quantity(1, world).to(unit).magnitude for world, unit in pairs])


def _shear_of(layer: Layer, ndim: int) -> NDArray[np.float64]:
    """Return the shear among the last `ndim` axes; napari keeps the upper triangle as a flat vector."""
    shear = np.asarray(layer.shear, dtype=np.float64)
    if shear.ndim == 2:
        return shear[-ndim:, -ndim:]
    full = np.eye(layer.ndim)
    full[np.triu_indices(layer.ndim, 1)] = shear
    return full[-ndim:, -ndim:][np.triu_indices(ndim, 1)]
