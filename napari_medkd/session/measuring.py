"""How large the object in hand and its class are, worked out while nobody waits for the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_medkd.core.measuring import Diameters, axial_axis, diameters, unit_of, voxel_size
from napari_medkd.session.worker import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.measuring import Unit
    from napari_medkd.core.volume import Volume
    from napari_medkd.session.packing import PackedMask
    from napari_medkd.session.session import Session

_PIECE = 16  # slices between two looks at whether somebody waits for the model


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
            self._show(None, self.of_class)
            return
        sheets = proposal.sheets
        self._session.aside(Kind.MEASURE, measuring(sheets, volume), self._take_object)

    def measure_class(self) -> None:
        """Count the voxels of the active class anew."""
        labels, volume, value = self._session.labels, self._session.volume, self._session.active_class.value
        if labels is None or volume is None or not self._session.objects:
            self._show(self.object, None)
            return
        self._session.aside(Kind.COUNT, counting(labels, value, volume), self._take_class)

    def _take_object(self, found: Measured | None) -> None:
        if found is not None:  # it still works: what is shown stays meanwhile
            self._show(found, self.of_class)

    def _take_class(self, found: Measured | None) -> None:
        if found is not None:
            self._show(self.object, found)

    def _show(self, found: Measured | None, of_class: Measured | None) -> None:
        self.object, self.of_class = found, of_class
        self.changed.emit()


def measuring(sheets: Sequence[tuple[Plane, PackedMask]], volume: Volume) -> Iterator[Measured | None]:
    """Measure an object given slice by slice: None again and again while it works, then the result.

    Only the slices that it is on are read.
    """
    voxels, total = 0, 0.0
    for number, (plane, mask) in enumerate(sheets, start=1):
        values = volume.slice(plane)[mask.window][mask.crop()]
        voxels += len(values)
        total += float(values.sum(dtype=np.float64)) if values.ndim == 1 else np.nan
        if number % _PIECE == 0:
            yield None
    longest: Diameters | None = None
    for number, one in enumerate(_axial(sheets, volume), start=1):
        longest = max(filter(None, (longest, one)), key=lambda found: found.longest)
        if number % _PIECE == 0:
            yield None
    mean = total / voxels if voxels and np.isfinite(total) else None
    yield replace(_size(voxels, volume), diameters=longest, mean=mean)


def counting(labels: NDArray[np.uint16], value: int, volume: Volume) -> Iterator[Measured | None]:
    """Count the voxels of a class: None again and again while it works, then the result."""
    voxels = 0
    for number, one in enumerate(labels, start=1):
        voxels += int(np.count_nonzero(one == value))
        if number % _PIECE == 0:
            yield None
    yield _size(voxels, volume)


def _size(voxels: int, volume: Volume) -> Measured:
    geometry = volume.geometry
    size = voxels * voxel_size(geometry)
    return Measured(voxels, size, unit_of(geometry), geometry.shape[0] > 1)


def _axial(sheets: Sequence[tuple[Plane, PackedMask]], volume: Volume) -> Iterator[Diameters]:
    """Measure an object on each axial slice."""
    axis = axial_axis(volume.geometry) if volume.shape[0] > 1 else 0
    spacing = [volume.geometry.spacing[other] for other in range(3) if other != axis]
    for mask in _across(sheets, axis):
        yield diameters(mask, spacing)


def _across(sheets: Sequence[tuple[Plane, PackedMask]], axis: int) -> Iterator[NDArray[np.bool_]]:
    """Yield the slices of an object across `axis`, whatever axis it was made along."""
    made = sheets[0][0].axis
    if made == axis:
        for _, mask in sheets:
            yield mask.crop()
        return
    indices = [plane.index for plane, _ in sheets]
    whole = np.zeros((max(indices) - min(indices) + 1, *sheets[0][1].shape), np.bool_)
    for plane, mask in sheets:
        whole[plane.index - min(indices)] = mask.unpack()
    for one in np.moveaxis(np.moveaxis(whole, 0, made), axis, 0):
        if one.any():
            yield one
