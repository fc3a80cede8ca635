"""What a folder of annotated images holds, before it becomes corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.core.geometry import Plane
from napari_medkd.core.objects import Kind, objects, slice_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Geometry
    from napari_medkd.core.volume import Volume
    from napari_medkd.corrections.split import Part


class ImportOptions(BaseModel):
    """How a folder is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(
        "object", min_length=1, max_length=200, description="Class of masks that have no name for it."
    )
    modality: str = Field("", max_length=40, description="Modality; empty takes what the files say.")
    objects: Kind | None = Field(
        None,
        description="What one object is: instances, components, labels or whole; null tells by the files.",
    )
    smallest: int = Field(20, ge=1, description="Objects of fewer pixels are left out.")
    case_pattern: str = Field(
        "",
        description="Regular expression on file names whose first group is the case; empty makes every file "
        "a case.",
    )
    keep_names: bool = Field(
        False, description="Whether cases keep the names of their files, which may name a patient."
    )


class Annotated(NamedTuple):
    """One object of an image: its slice, its class and its (rows, columns) mask."""

    plane: Plane
    label: str
    mask: NDArray[np.bool_]


class Sample(NamedTuple):
    """One image of a folder.

    `name` is that of its file, and is kept nowhere by itself; `case` and `part` are empty unless the folder
    says them, as ours do.
    """

    name: str
    load: Callable[[], tuple[Volume, list[Annotated]]]
    case: str = ""
    part: Part | None = None


def annotated(
    labels: NDArray[np.uint16],
    geometry: Geometry,
    names: Mapping[int, str],
    options: ImportOptions,
    numbered: NDArray[np.uint16] | None = None,
) -> list[Annotated]:
    """Return the objects of a mask (z, y, x), slice by slice along the axis that it was acquired along.

    Parameters
    ----------
    labels : ndarray (z, y, x) uint16
        Value of the class of each voxel.
    geometry : Geometry
        Where the voxels lie.
    names : mapping
        Class value → name; a value without one has the label of the options.
    options : ImportOptions
        What one object is, and how small it may be.
    numbered : ndarray (z, y, x) uint16 or None
        Number of the object of each voxel, where the folder has that.
    """
    found = []
    axis = slice_axis(geometry)
    for index in range(labels.shape[axis]):
        plane = Plane(axis, index)
        slice_ = labels[plane.slicing()]
        parts = numbered[plane.slicing()] if numbered is not None else None
        if slice_.any():
            found += [Annotated(plane, *one) for one in _on_slice(slice_, parts, names, options)]
    return found


def _on_slice(
    labels: NDArray[Any], parts: NDArray[Any] | None, names: Mapping[int, str], options: ImportOptions
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if parts is not None:
        for _, mask in objects(parts, "instances", None, options.smallest):
            values = labels[mask]
            value = int(np.bincount(values[values > 0]).argmax()) if values.any() else 0
            yield _name(value, names, options), mask
        return
    kind = options.objects or "labels"
    for value in np.unique(labels[labels > 0]):
        one = np.where(labels == value, labels, 0)
        # Where every value is an object none is a class.
        name = options.label if kind == "instances" else _name(int(value), names, options)
        for _, mask in objects(one, kind, None, options.smallest):
            yield name, mask


def _name(value: int, names: Mapping[int, str], options: ImportOptions) -> str:
    """Return the name of a class; of those without one, the first is the label and the others count."""
    if value in names:
        return names[value]
    return options.label if value <= 1 else f"{options.label} {value}"
