"""Sizes of what was found, in millimetres where the file says how large a pixel is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage
from skimage.measure import regionprops

from napari_medkd.batch.row import Class, Measure
from napari_medkd.core.measuring import diameters, unit_of, voxel_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Geometry

_PIECE = 2**22


def classes(labels: NDArray[Any], names: Mapping[int, str], geometry: Geometry) -> tuple[Class, ...]:
    """Return how much of each class of a (z, y, x) mask there is, those of `names` that are absent too."""
    counts = _counts(labels)
    voxel = voxel_size(geometry)
    found = {*np.flatnonzero(counts).tolist(), *names} - {0}
    return tuple(
        Class(label=label, name=names.get(label, ""), voxels=voxels, size=voxels * voxel)
        for label in sorted(found)
        for voxels in (int(counts[label]) if label < len(counts) else 0,)
    )


def measure(labels: NDArray[Any], names: Mapping[int, str], geometry: Geometry) -> tuple[Measure, ...]:
    """Measure every connected part of every class of a (z, y, x) mask."""
    return tuple(
        one
        for label, place in enumerate(ndimage.find_objects(labels), start=1)
        if place is not None
        for one in _objects(labels[place] == label, label, names.get(label, ""), geometry, place)
    )


def _objects(
    mask: NDArray[np.bool_], label: int, name: str, geometry: Geometry, place: tuple[slice, ...]
) -> Iterator[Measure]:
    parts, _ = ndimage.label(mask, np.ones((3, 3, 3), bool))
    regions = sorted(regionprops(parts), key=lambda region: (-region.num_pixels, region.label))  # type: ignore[no-untyped-call]
    dimensions: Literal[2, 3] = 2 if geometry.shape[0] == 1 else 3
    start = np.array([piece.start for piece in place])
    for number, region in enumerate(regions, start=1):
        voxels = int(region.num_pixels)
        size = voxels * voxel_size(geometry)
        centre = tuple(round(float(value), 2) for value in np.asarray(region.centroid) + start)
        first = region.bbox[0] + int(start[0])
        yield Measure(
            label=label,
            name=name,
            number=number,
            unit=unit_of(geometry),
            voxels=voxels,
            size=size,
            dimensions=dimensions,
            longest_diameter=_longest(region.image, geometry.spacing[1:]),
            equivalent_diameter=2 * (size / np.pi) ** 0.5
            if dimensions == 2
            else (6 * size / np.pi) ** (1 / 3),
            centre=(centre[0], centre[1], centre[2]),
            first_slice=first,
            last_slice=first + region.image.shape[0] - 1,
        )


def _longest(image: NDArray[np.bool_], spacing: tuple[float, ...]) -> float:
    """Return the longest diameter on the slice of a (z, y, x) object where most of it is."""
    return diameters(image[int(np.argmax(image.sum(axis=(1, 2))))], spacing).longest


def _counts(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Count each value, piece by piece: counting takes eight bytes a pixel."""
    flat = labels.reshape(-1)
    counts = np.zeros(int(flat.max(initial=0)) + 1, np.int64)
    for start in range(0, flat.size, _PIECE):
        counts += np.bincount(flat[start : start + _PIECE], minlength=len(counts))
    return counts
