"""What the attributes of an OME-Zarr group say, versions 0.1 to 0.5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MILLIMETRES = {
    **{"angstrom": 1e-7, "nanometer": 1e-6, "micrometer": 1e-3, "millimeter": 1.0},
    **{"centimeter": 10.0, "meter": 1000.0, "inch": 25.4},
}
_OLD_AXES = "tczyx"  # of versions that do not name them
_PRIMARIES = {"FF0000", "00FF00", "0000FF"}


@dataclass(frozen=True, slots=True)
class Image:
    """One multiscale image.

    Parameters
    ----------
    axes : tuple of str
        t, c, z, y, x, as far as there are.
    levels : tuple of str
        Paths of its arrays, the finest first.
    spacing : dict
        Millimetres (or pixels, where no unit is given) along z, y and x.
    is_measured : bool
        Whether it says a unit of length.
    """

    axes: tuple[str, ...]
    levels: tuple[str, ...]
    spacing: dict[str, float]
    is_measured: bool


def ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a group's attributes that OME-Zarr defines."""
    found = attributes.get("ome", attributes)
    return found if isinstance(found, dict) else {}


def image(attributes: Mapping[str, Any], name: str) -> Image:
    """Return what the attributes of a group say about its image.

    Raises
    ------
    UnreadableFile
        There is none, or it is not described as the format asks.
    """
    about = ome(attributes)
    if "plate" in about or "well" in about:
        raise UnreadableFile(
            f'"{name}" is a plate of wells, not an image.', "Open one of the images in it, such as A/1/0."
        )
    try:
        multiscale = about["multiscales"][0]
        levels = multiscale["datasets"]
        paths = tuple(str(level["path"]) for level in levels)
        named = multiscale.get("axes")
        axes = _axes(named)
        units = {one["name"]: one.get("unit", "") for one in named if isinstance(one, dict)} if named else {}
        scales = _scales(levels[0], axes) | {}
        more = _scales(multiscale, axes)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnreadableFile(
            f'"{name}" is a Zarr folder without an OME-Zarr image.', "Choose the folder of the image itself."
        ) from error
    factors = {axis: _MILLIMETRES.get(units.get(axis, ""), 0.0) for axis in "zyx" if axis in axes}
    is_measured = bool(factors) and all(factors.values())
    spacing = {
        axis: abs(scales.get(axis, 1.0) * more.get(axis, 1.0) * factors[axis]) or 1.0 if is_measured else 1.0
        for axis in factors
    }
    return Image(axes, paths, spacing, is_measured)


def has_colours(attributes: Mapping[str, Any]) -> bool:
    """Tell whether the three channels of an image are its red, green and blue."""
    channels = ome(attributes).get("omero", {}).get("channels", [])
    colours = {str(channel.get("color", "")).upper()[:6] for channel in channels if isinstance(channel, dict)}
    return not channels or colours == _PRIMARIES


def _axes(named: Sequence[Any] | None) -> tuple[str, ...]:
    if not named:
        return tuple(_OLD_AXES)
    return tuple(str(one["name"] if isinstance(one, dict) else one).lower() for one in named)


def _scales(level: Mapping[str, Any], axes: Sequence[str]) -> dict[str, float]:
    for change in level.get("coordinateTransformations", []):
        if change.get("type") == "scale" and len(change.get("scale", [])) == len(axes):
            return {axis: float(factor) for axis, factor in zip(axes, change["scale"], strict=True)}
    return {}
