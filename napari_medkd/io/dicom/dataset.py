"""Opening DICOM files, odd ones too, and saying what those are that hold no image."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import UnreadableFile, missing_extra
from napari_medkd.io.dicom.sniff import bare_offset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STORAGE = "1.2.840.10008.5.1.4.1.1."
# What objects are that are not pictures to segment, by the start of their SOP class UID; longest match first.
_NOT_IMAGES = {
    "1.2.840.10008.1.3.10": "a table of contents (DICOMDIR)",
    f"{_STORAGE}9.": "a waveform, such as an ECG",
    f"{_STORAGE}11.": "a presentation state",
    f"{_STORAGE}66": "raw data",
    f"{_STORAGE}66.1": "a registration",
    f"{_STORAGE}66.2": "fiducial points",
    f"{_STORAGE}66.3": "a deformation",
    f"{_STORAGE}66.4": "a segmentation (DICOM SEG)",
    f"{_STORAGE}66.5": "a surface segmentation",
    f"{_STORAGE}66.6": "a set of fibre tracts",
    f"{_STORAGE}66.7": "a segmentation (DICOM SEG, label map)",
    f"{_STORAGE}67": "a mapping to real-world values",
    f"{_STORAGE}88.": "a structured report (SR)",
    f"{_STORAGE}104.": "an embedded document",
    f"{_STORAGE}481.2": "a radiotherapy dose (RTDOSE)",
    f"{_STORAGE}481.3": "a radiotherapy structure set (RTSTRUCT)",
    f"{_STORAGE}481.5": "a radiotherapy plan (RTPLAN)",
    f"{_STORAGE}481.8": "a radiotherapy plan (RTPLAN)",
}
_BY_MODALITY = {
    "SEG": "a segmentation (DICOM SEG)",
    "RTDOSE": "a radiotherapy dose (RTDOSE)",
    "RTSTRUCT": "a radiotherapy structure set (RTSTRUCT)",
    "RTPLAN": "a radiotherapy plan (RTPLAN)",
    "SR": "a structured report (SR)",
    "PR": "a presentation state",
    "KO": "a selection of key objects",
}
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's remarks on non-conforming values to ourselves; what cannot be decoded raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_dataset(path: Path, *, pixels: bool = True) -> Any:
    """Return the pydicom data set of a file, its transfer syntax in place; cheap without `pixels`."""
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise missing_extra("pydicom", "dicom", "Reading DICOM") from error
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=not pixels)
    except InvalidDicomError:
        dataset = _read_bare(path, pixels)
    if len(dataset) == 0:  # pydicom gives this for compressed pixels that end too early
        raise UnreadableFile(
            f'"{path.name}" is cut off or damaged: its data end too early.', "Copy it again."
        )
    _complete_meta(dataset)
    return dataset


def kind_of(dataset: Any) -> str:
    """Return what a data set is if not an image, in words ("a structured report (SR)"); ``""`` for images."""
    sop_class = str(dataset.get("SOPClassUID", "") or dataset.file_meta.get("MediaStorageSOPClassUID", ""))
    matches = [start for start in _NOT_IMAGES if _begins(sop_class, start)]
    if matches:
        return _NOT_IMAGES[max(matches, key=len)]
    return _BY_MODALITY.get(str(dataset.get("Modality", "")).upper(), "")


def refuse_other_kinds(dataset: Any, name: str) -> None:
    """Raise `UnreadableFile` with what the file is where its header alone says that it is not an image."""
    kind = kind_of(dataset)
    if kind:
        raise UnreadableFile(f'"{name}" is not an image but {kind}.', "Open the images beside it.")


def require_image(dataset: Any, name: str) -> None:
    """Raise `UnreadableFile` where a data set read with its pixels has none."""
    refuse_other_kinds(dataset, name)
    if not any(key in dataset for key in _PIXELS):
        raise UnreadableFile(
            f'"{name}" is a DICOM file without an image: it holds no pixel data.',
            "Open another file of the study.",
        )


def _begins(sop_class: str, start: str) -> bool:
    """Match whole components: 66.1 is not the beginning of 66.10."""
    return sop_class == start or sop_class.startswith(start if start.endswith(".") else f"{start}.")


def _read_bare(path: Path, pixels: bool) -> Any:
    """Read a data set that lacks the preamble and the file meta information."""
    import pydicom

    content = path.read_bytes()
    offset = bare_offset(content[:64])
    if offset is None:
        raise UnreadableFile(
            f'"{path.name}" is not a DICOM file: it begins differently.', "Check what kind of file it is."
        )
    return pydicom.dcmread(BytesIO(content[offset:]), force=True, stop_before_pixels=not pixels)


def _complete_meta(dataset: Any) -> None:
    """Give a data set without a transfer syntax the uncompressed one that it was just read with."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
