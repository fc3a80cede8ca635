"""How large the object in hand and its class are, worked out while nobody waits for the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_medkd.core.measuring import Diameters, axial_axis, diameters, unit_of, voxel_size
from napari_medkd.session.worker import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.measuring import Unit
    from napari_medkd.core.volume import Volume
    from napari_medkd.session.packing import PackedMask
    from napari_medkd.session.session import Session


@dataclass(frozen=True, slots=True)
class Measured:
    """The size of an object, or of a class.

    Parameters
    ----------
    voxels : int
        How many it has.
    size : float
        Area of what lies in a picture, volume of what lies in a volume, in powers of `unit`.
    unit : str
        ``"mm"`` or ``"px"``.
    is_volume : bool
        Whether `size` is a volume.
    diameters : Diameters or None
        On the axial slice where it is longest; None where it was not measured.
    mean : float or None
        Mean of the stored values inside it (HU of CT); None where it was not measured, or for colours.
    """

    voxels: int
    size: float
    unit: Unit
    is_volume: bool
    diameters: Diameters | None = None
    mean: float | None = None


class Measuring:
    """Measures the object in hand, and the active class, of a session after every change.

    Parameters
    ----------
    session : Session
        Whose objects are measured, on its worker's thread.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self.object: Measured | None = None
        self.of_class: Measured | None = None
        self._session = session

    def measure_object(self) -> None:
        """Measure the object in hand anew."""
        proposal, volume = self._session.proposal, self._session.volume
        if proposal is None or volume is None or proposal.is_empty:
            self._take_object(None)
            return
        sheets = proposal.sheets
        self._session.aside(Kind.MEASURE, lambda: measured(sheets, volume), self._take_object)

    def measure_class(self) -> None:
        """Count the voxels of the active class anew."""
        labels, volume, value = self._session.labels, self._session.volume, self._session.active_class.value
        if labels is None or volume is None or not self._session.objects:
            self._take_class(None)
            return
        self._session.aside(Kind.COUNT, lambda: counted(labels, value, volume), self._take_class)

    def _take_object(self, found: Measured | Exception | None) -> None:
        self.object = None if isinstance(found, Exception) else found
        self.changed.emit()

    def _take_class(self, found: Measured | Exception | None) -> None:
        self.of_class = None if isinstance(found, Exception) else found
        self.changed.emit()


def measured(sheets: Iterable[tuple[Plane, PackedMask]], volume: Volume) -> Measured:
    """Measure an object given slice by slice; only these slices of the volume are read."""
    sheets = list(sheets)
    voxels, total = 0, 0.0
    for plane, mask in sheets:
        values = volume.slice(plane)[mask.window][mask.crop()]
        voxels += len(values)
        total += float(values.sum(dtype=np.float64)) if values.ndim == 1 else np.nan
    mean = total / voxels if voxels and np.isfinite(total) else None
    found = _size(voxels, volume)
    return Measured(found.voxels, found.size, found.unit, found.is_volume, _longest(sheets, volume), mean)


def counted(labels: NDArray[np.uint16], value: int, volume: Volume) -> Measured:
    """Measure a class by counting, a slice at a time."""
    return _size(sum(int(np.count_nonzero(one == value)) for one in labels), volume)


def _size(voxels: int, volume: Volume) -> Measured:
    geometry = volume.geometry
    size = voxels * voxel_size(geometry)
    return Measured(voxels, size, unit_of(geometry), geometry.shape[0] > 1)


def _longest(sheets: list[tuple[Plane, PackedMask]], volume: Volume) -> Diameters | None:
    """Return the diameters on the axial slice where the object is longest; None for no pixel."""
    axis = axial_axis(volume.geometry) if volume.shape[0] > 1 else 0
    spacing = [volume.geometry.spacing[other] for other in range(3) if other != axis]
    found = [diameters(mask, spacing) for mask in _across(sheets, axis, volume.shape)]
    return max(found, key=lambda one: one.longest, default=None)


def _across(
    sheets: list[tuple[Plane, PackedMask]], axis: int, shape: tuple[int, int, int]
) -> Iterable[NDArray[np.bool_]]:
    """Return the slices of an object across `axis`, whatever axis it was made along."""
    if sheets[0][0].axis == axis:
        return [mask.crop() for _, mask in sheets]
    low = min(plane.index for plane, _ in sheets)
    whole = np.zeros((max(plane.index for plane, _ in sheets) - low + 1, *sheets[0][1].shape), np.bool_)
    for plane, mask in sheets:
        whole[plane.index - low] = mask.unpack()
    there = np.moveaxis(whole, 0, sheets[0][0].axis)
    slices = np.moveaxis(there, axis, 0)
    return [one for one in slices if one.any()]
