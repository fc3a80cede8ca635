"""One image of a DICOM file: where it lies and how its values are meant, classic and enhanced alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEADER = "dicom"  # in the header of a volume: its slices, tuple of Slice
_SAME_DIRECTION = 0.02  # a degree, in direction cosines: headers are rounded, localisers differ by far more
_CENTIMETRES = 3  # unit code of ultrasound regions


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """A frame of a DICOM file.

    Parameters
    ----------
    path, index : Path, int
        The file and the frame's number in it, from 0.
    size : tuple of int
        Rows and columns.
    position : ndarray (3,) or None
        Centre of the first pixel, (L, P, S) mm.
    orientation : ndarray (2, 3) or None
        Unit vectors (L, P, S) along which columns and rows count up, DICOM's row and column cosines.
    spacing : tuple of float or None
        Millimetres between rows and between columns.
    thickness : float
        Millimetres to the next slice as far as the header says; 0 where it does not.
    order : tuple
        What sorts the slices where positions do not: time, then number.
    uid : str
        Names the frame, so that copies are seen.
    """

    path: Path
    index: int
    size: tuple[int, int]
    position: NDArray[np.float64] | None
    orientation: NDArray[np.float64] | None
    spacing: tuple[float, float] | None
    thickness: float
    order: tuple[float, ...]
    uid: str

    def shares_plane(self, other: Slice) -> bool:
        """Tell whether both have the same size and direction, so that they can lie in one stack."""
        if self.size != other.size or (self.orientation is None) != (other.orientation is None):
            return False
        if self.orientation is None or other.orientation is None:
            return True
        return bool(np.abs(self.orientation - other.orientation).max() < _SAME_DIRECTION)

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector (L, P, S) at right angles to the slice; only where there is an orientation."""
        assert self.orientation is not None
        normal = np.cross(self.orientation[0], self.orientation[1])
        return np.asarray(normal / np.linalg.norm(normal))

    def depth(self, normal: NDArray[np.float64]) -> float:
        """Return how far along `normal` it lies, mm; only where there is a position."""
        assert self.position is not None
        return float(normal @ self.position)


def slices_of(dataset: Any, path: Path) -> list[Slice]:
    """Return every frame of a data set, which may lack its pixels."""
    count = number_of_frames(dataset)
    if count > path.stat().st_size:
        raise UnreadableFile(
            f'"{path.name}" says that it holds {count} frames, which cannot be in a file of its size.',
            "The file is damaged; export it again.",
        )
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or [None] * count
    return [
        _slice(dataset, path, index, per_frame[index] if index < len(per_frame) else None)
        for index in range(count)
    ]


def number_of_frames(dataset: Any) -> int:
    """Return how many frames the header promises, at least 1."""
    return max(1, int(_number(dataset.get("NumberOfFrames"))))


def lookup(dataset: Any, index: int, group: str, keyword: str) -> Any:
    """Return an attribute of a frame: from its functional group, the shared one, or the data set itself."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for groups in (per_frame[index : index + 1], shared[:1]):
        for item in groups:
            macro = item.get(group)
            if macro and macro[0].get(keyword) is not None:
                return macro[0].get(keyword)
    return dataset.get(keyword)


def _slice(dataset: Any, path: Path, index: int, per_frame: Any) -> Slice:
    position = _floats(lookup(dataset, index, "PlanePositionSequence", "ImagePositionPatient"), 3)
    orientation = _floats(lookup(dataset, index, "PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    if orientation is not None and not _orthogonal(orientation.reshape(2, 3)):
        orientation = None
    gap = lookup(dataset, index, "PixelMeasuresSequence", "SpacingBetweenSlices")
    thickness = lookup(dataset, index, "PixelMeasuresSequence", "SliceThickness")
    return Slice(
        path=path,
        index=index,
        size=(int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)),
        position=position,
        orientation=None if orientation is None else orientation.reshape(2, 3),
        spacing=_spacing(dataset, index),
        thickness=abs(_number(gap)) or abs(_number(thickness)),
        order=_order(dataset, index, per_frame),
        # Some anonymisers give every slice one UID: only the same UID at the same place is a copy.
        uid=f"{dataset.get('SOPInstanceUID', path)}#{index}#{position}#{dataset.get('InstanceNumber')}",
    )


def _order(dataset: Any, index: int, per_frame: Any) -> tuple[float, ...]:
    temporal = lookup(dataset, index, "TemporalPositionSequence", "TemporalPositionTimeOffset")
    content = per_frame.get("FrameContentSequence") if per_frame is not None else None
    if content:
        temporal = content[0].get("TemporalPositionIndex", temporal)
    first = dataset.get("TemporalPositionIdentifier") if temporal is None else temporal
    keys = (first, dataset.get("AcquisitionNumber"), dataset.get("InstanceNumber"), index)
    return tuple(_number(key) for key in keys)


def _spacing(dataset: Any, index: int) -> tuple[float, float] | None:
    """Return the size of a pixel from the first place that has one; on the detector last."""
    choices = [
        lookup(dataset, index, "PixelMeasuresSequence", "PixelSpacing"),
        _ultrasound_spacing(dataset),
        dataset.get("ImagerPixelSpacing"),
        dataset.get("NominalScannedPixelSpacing"),
    ]
    for choice in choices:
        values = _floats(choice, 2)
        if values is not None and (values > 0).all():
            return float(values[0]), float(values[1])
    return None


def _ultrasound_spacing(dataset: Any) -> list[float] | None:
    for region in dataset.get("SequenceOfUltrasoundRegions") or []:
        units = (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection"))
        if units == (_CENTIMETRES, _CENTIMETRES):
            return [10 * abs(_number(region.get(key))) for key in ("PhysicalDeltaY", "PhysicalDeltaX")]
    return None


def _orthogonal(cosines: NDArray[np.float64]) -> bool:
    """Tell whether two direction vectors are usable: of length one and at right angles, loosely."""
    lengths = np.linalg.norm(cosines, axis=1)
    return bool(np.abs(lengths - 1).max() < 0.01 and abs(cosines[0] @ cosines[1]) < 0.01)


def _floats(values: Any, count: int) -> NDArray[np.float64] | None:
    try:
        array = np.array([float(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.shape == (count,) and np.isfinite(array).all() else None


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if np.isfinite(number) else 0.0
