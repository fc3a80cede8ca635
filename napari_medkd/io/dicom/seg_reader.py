"""DICOM-SEG objects as masks: on the grid of their image, or on a grid of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Geometry
from napari_medkd.errors import GeometryMismatch, UnreadableFile
from napari_medkd.io.axes import from_columns, reverse_axes, swap_lps
from napari_medkd.io.dicom.dataset import open_dataset, quiet
from napari_medkd.io.dicom.seg_writer import PRIVATE, PRIVATE_CREATOR, VALUE
from napari_medkd.io.dicom.slices import HEADER, lookup, slices_of
from napari_medkd.io.dicom.sniff import looks_like_dicom
from napari_medkd.io.dicom.tiles import is_tiled
from napari_medkd.io.memory import check_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.io.dicom.slices import Slice

_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_LABEL_MAP = "LABELMAP"
_OFF = 0.1  # of a pixel that a frame may lie beside the image's grid: headers are rounded
_SAME_MM = 0.01
_WAYS = slice(None), slice(None, None, -1)


@dataclass(frozen=True, slots=True)
class Segments:
    """What a DICOM-SEG holds.

    Parameters
    ----------
    labels : ndarray (z, y, x) uint16
        Classes, 0 outside; where segments overlap, that of the higher number.
    geometry : Geometry
        Where they lie.
    names : dict
        Their labels by value.
    notes : tuple of str
        Sentences for the user.
    """

    labels: NDArray[np.uint16]
    geometry: Geometry
    names: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def is_segmentation(path: Path) -> bool:
    """Tell whether a file is a DICOM-SEG."""
    if not path.is_file() or not looks_like_dicom(path):
        return False
    with quiet():
        try:
            header = open_dataset(path, pixels=False)
        except Exception:  # whatever is wrong with it is said when it is read
            return False
    return str(header.get("SOPClassUID", "")) in _CLASSES


def read_segments(path: Path, like: Volume | None = None) -> Segments:
    """Read a DICOM-SEG.

    Parameters
    ----------
    path : Path
        The file.
    like : Volume, optional
        The image, whose grid the mask then has; without it the grid holds what the file does, and no more.

    Raises
    ------
    GeometryMismatch
        It does not lie on the image's grid.
    UnreadableFile
        It cannot be decoded, or belongs to a slide made of tiles.
    """
    with quiet():
        dataset = open_dataset(path)
        if is_tiled(dataset):
            raise UnreadableFile(
                f'"{path.name}" belongs to a slide made of tiles, which is not read here.',
                "Export the mask as TIFF.",
            )
        frames = slices_of(dataset, path)
        pixels = np.asarray(dataset.pixel_array).reshape(len(frames), *frames[0].size)
        values, names = _classes(dataset)
        if like is not None:
            sources = [_source(dataset, index) for index in range(len(frames))]
            geometry, places = like.geometry, _on_image(frames, sources, like, path.name)
        else:
            geometry, places = _own_grid(frames, path.name)
    labels = np.zeros(geometry.shape, np.uint16)
    overlap = False
    for number, frame, place in sorted(_by_segment(dataset, pixels), key=lambda one: one[0] or 0):
        seen = labels[places[place].z][places[place].flips]
        if number is None:
            for stored, value in values.items():
                seen[frame == stored] = value
            continue
        inside = frame > 0
        overlap |= bool((seen[inside] > 0).any())
        seen[inside] = values.get(number, number)
    notes = ("Segments overlap; the one of the higher number is shown there.",) if overlap else ()
    return Segments(labels, geometry, names, notes)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a frame belongs: a slice of the grid, and which of its axes run the other way."""

    z: int
    flips: tuple[slice, slice] = (slice(None), slice(None))


def _source(dataset: Any, index: int) -> str:
    """Return how the uid of a `Slice` begins that a frame was made from; empty where it does not say."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for derivation in frames[index].get("DerivationImageSequence", []) if index < len(frames) else []:
        for image in derivation.get("SourceImageSequence", []):
            number = image.get("ReferencedFrameNumber") or 1
            first = number if isinstance(number, int) else number[0]
            return f"{image.ReferencedSOPInstanceUID}#{int(first) - 1}#"
    return ""


def _by_segment(dataset: Any, pixels: NDArray[Any]) -> list[tuple[int | None, NDArray[Any], int]]:
    """Return number of the segment (None in a label map), pixels and index of each frame."""
    if dataset.get("SegmentationType") == _LABEL_MAP:
        return [(None, frame, index) for index, frame in enumerate(pixels)]
    if dataset.get("SegmentationType") == "FRACTIONAL":
        pixels = pixels >= 0.5 * int(dataset.get("MaximumFractionalValue") or 255)
    numbers = (
        int(lookup(dataset, index, "SegmentIdentificationSequence", "ReferencedSegmentNumber") or 1)
        for index in range(len(pixels))
    )
    return [(number, frame, index) for index, (number, frame) in enumerate(zip(numbers, pixels, strict=True))]


def _classes(dataset: Any) -> tuple[dict[int, int], dict[int, str]]:
    """Return the values of the segments by their number, and the names by value."""
    values, names = {}, {}
    for item in dataset.get("SegmentSequence") or []:
        number = int(item.SegmentNumber)
        try:
            value = int(item.private_block(PRIVATE, PRIVATE_CREATOR)[VALUE].value)
        except (KeyError, TypeError, ValueError):  # another program's, or an anonymiser removed it
            value = number
        if number:  # 0 is the background of a label map
            values[number] = value
            names[value] = str(item.get("SegmentLabel") or "")
    return values, names


def _on_image(frames: Sequence[Slice], sources: Sequence[str], like: Volume, name: str) -> list[_Place]:
    """Return where the frames lie on the image's grid."""
    images: Sequence[Slice] = like.header.get(HEADER, ())
    places = []
    for frame, source in zip(frames, sources, strict=True):
        if frame.size != like.shape[1:]:
            seen, wanted = ("×".join(map(str, size)) for size in (frame.size, like.shape[1:]))
            raise GeometryMismatch(
                f'The mask "{name}" has {seen} pixels a slice, the image {wanted}.',
                "Choose the mask of this image.",
            )
        place = _at_image(frame, source, images) or _at_place(frame, like.geometry)
        if place is None:
            raise GeometryMismatch(
                f'The mask "{name}" has the size of the image but lies elsewhere in the patient.',
                "Choose the mask of this image.",
            )
        places.append(place)
    return places


def _at_image(frame: Slice, source: str, images: Sequence[Slice]) -> _Place | None:
    """Return the image at the very place of a frame: slices may be unevenly spaced, so this comes first.

    A radiograph or a photograph has no place in a patient; there the frame names its image.
    """
    for z, image in enumerate(images):
        if image.position is None or frame.position is None:
            if source and image.uid.startswith(source):
                return _Place(z)
        elif image.shares_plane(frame) and np.abs(image.position - frame.position).max() < _SAME_MM:
            return _Place(z)
    return None


def _at_place(frame: Slice, geometry: Geometry) -> _Place | None:
    """Return where a frame lies on the grid of an image of any format, by its corners."""
    if frame.position is None or frame.orientation is None or frame.spacing is None or not geometry.from_file:
        return None
    rows, columns = frame.size
    down = frame.orientation[1] * frame.spacing[0] * (rows - 1)
    across = frame.orientation[0] * frame.spacing[1] * (columns - 1)
    corners = [frame.position, frame.position + across, frame.position + down, frame.position + down + across]
    into = np.linalg.inv(swap_lps(geometry.affine))
    found = np.array([(into @ [*corner, 1.0])[:3] for corner in corners])
    z = round(float(found[0, 0]))
    for upside, mirrored in np.ndindex(2, 2):
        expected = np.array(
            [
                (z, (rows - 1) * (row != upside), (columns - 1) * (column != mirrored))
                for row, column in ((0, 0), (0, 1), (1, 0), (1, 1))
            ]
        )
        if np.abs(found - expected).max() < _OFF and 0 <= z < geometry.shape[0]:
            return _Place(z, (_WAYS[upside], _WAYS[mirrored]))
    return None


def _own_grid(frames: Sequence[Slice], name: str) -> tuple[Geometry, list[_Place]]:
    """Return a grid that holds all frames, and where they lie on it."""
    first = frames[0]
    if any(not one.shares_plane(first) for one in frames):
        raise UnreadableFile(
            f'The frames of "{name}" have different sizes or directions.', "Open its image first."
        )
    rows, columns = first.spacing or (1.0, 1.0)
    if first.orientation is None or any(one.position is None for one in frames):
        check_size(name, (1, *first.size), 2)
        return Geometry.image((1, *first.size), (1.0, rows, columns)), [_Place(0)] * len(frames)
    depths = np.array([one.depth(first.normal) for one in frames])
    step = _step(depths, first)
    numbers = np.rint((depths - depths.min()) / step).astype(int)
    shape = (int(numbers.max()) + 1, *first.size)
    check_size(name, shape, 2)
    lowest, highest = frames[int(np.argmin(depths))].position, frames[int(np.argmax(depths))].position
    assert lowest is not None and highest is not None
    along = (highest - lowest) / numbers.max() if numbers.max() else first.normal * step
    matrix = np.stack([first.orientation[0] * columns, first.orientation[1] * rows, along], axis=1)
    affine = reverse_axes(swap_lps(from_columns(matrix, lowest)))
    return Geometry(shape, affine), [_Place(int(number)) for number in numbers]


def _step(depths: NDArray[np.float64], first: Slice) -> float:
    """Return millimetres between slices: the smallest gap between frames, else what the header says."""
    gaps = np.diff(np.unique(np.round(depths, 2)))
    smallest = float(gaps.min()) if len(gaps) else 0.0
    said = first.thickness
    if said and (not smallest or abs(smallest / said - round(smallest / said)) < _OFF):
        return said
    return smallest or 1.0
