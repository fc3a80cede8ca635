"""Masks as DICOM-SEG objects, by highdicom: in the study of their images, each class with its code."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd import __version__
from napari_medkd.errors import StorageError, missing_extra
from napari_medkd.io.dicom import codes
from napari_medkd.io.dicom.dataset import open_dataset, quiet
from napari_medkd.io.dicom.slices import HEADER, number_of_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.io.dicom.slices import Slice
    from napari_medkd.io.file_format import About

PRIVATE, PRIVATE_CREATOR, VALUE = 0x0063, "NAPARI-MEDKD", 0x01  # our value of a class, which may have gaps
_MAKER = "napari-medkd"
_SERIES = 1000  # added to the number of the images' series
_LONGEST = 64  # characters of a label
_CHARACTERS = "ISO_IR 192"  # UTF-8
# Where an image does not say what it is, its modality does.
_KINDS = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
# Required in a segmentation, perhaps empty; anonymisers remove them from images altogether.
_TEXTS = ("PatientID", "PatientName", "PatientSex", "AccessionNumber", "StudyID")
_DATES, _TIMES = ("PatientBirthDate", "StudyDate"), ("StudyTime",)


def write(path: Path, labels: NDArray[np.integer], like: Volume, about: About) -> None:
    """Write a mask; slices without anything on them are left out of the file, as is usual.

    Raises
    ------
    StorageError
        The image is not one of DICOM, or one that a segmentation cannot refer to.
    """
    slices = _slices(like)
    try:
        from highdicom import UID
        from highdicom.seg import Segmentation
    except ImportError as error:
        raise missing_extra("highdicom", "dicom", "Writing DICOM-SEG") from error
    values = _values(labels, about.names)
    with quiet(), _silent():
        images = _images(slices)
        try:
            segmentation = Segmentation(
                source_images=images,
                pixel_array=_frames(_numbered(labels, values), slices, images[0]),
                segmentation_type="BINARY",
                segment_descriptions=_descriptions(values, about),
                series_instance_uid=UID(),
                series_number=int(images[0].get("SeriesNumber") or 0) + _SERIES,
                sop_instance_uid=UID(),
                instance_number=1,
                manufacturer=_MAKER,
                manufacturer_model_name=about.model[:_LONGEST] or _MAKER,
                software_versions=__version__,
                device_serial_number="none",
                series_description="Segmentation",
            )
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            reason = str(error).rstrip(".") if not isinstance(error, KeyError) else "it does not say its kind"
            raise StorageError(
                f"A DICOM-SEG cannot refer to this image: {reason}.", "Save as .nii.gz."
            ) from error
        _complete(segmentation)
        segmentation.save_as(path)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep highdicom's log to itself: it names images."""
    log = logging.getLogger("highdicom")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _complete(segmentation: Any) -> None:
    """Say how large pixels are in the way that readers ask for, or not at all where it is not known."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    for measures in shared.get("PixelMeasuresSequence", []):
        if "PixelSpacing" not in measures:
            del shared.PixelMeasuresSequence
        elif "SliceThickness" not in measures:  # a projection has none
            measures.SliceThickness = 1.0


def _slices(like: Volume) -> Sequence[Slice]:
    """Return the DICOM images of a volume, or say why there is no segmentation of them."""
    slices: Sequence[Slice] = like.header.get(HEADER, ())
    if not slices:
        raise StorageError(
            "A DICOM-SEG refers to DICOM images, and this image is not one of them.",
            "Save as .nii.gz, or open the DICOM series.",
        )
    if len(slices) != like.shape[0] or slices[0].size != like.shape[1:]:
        raise StorageError(
            "The masks of slides made of tiles cannot be saved as DICOM-SEG here.", "Save as .tif."
        )
    if len(slices) > 1 and any(one.position is None for one in slices):
        raise StorageError(
            "The images do not say where they lie, so a DICOM-SEG cannot say which of them it means.",
            "Save as .nii.gz.",
        )
    return slices


def _images(slices: Sequence[Slice]) -> list[Any]:
    """Return the headers of the images in the order of the slices, each file once."""
    images = []
    for path in dict.fromkeys(one.path for one in slices):
        image = open_dataset(path, pixels=False)
        _mend(image)
        images.append(image)
    return images


def _mend(image: Any) -> None:
    """Give the header of an image, in memory, what a segmentation copies from it; damaged values go."""
    from pydicom.valuerep import DA, TM

    for keywords, kind in ((_TEXTS, str), (_DATES, DA), (_TIMES, TM)):
        for keyword in keywords:
            try:
                kind(image.get(keyword) or "")
            except ValueError:
                setattr(image, keyword, "")
            if keyword not in image:
                setattr(image, keyword, "")
    if not image.get("SpecificCharacterSet"):
        image.SpecificCharacterSet = _CHARACTERS
    if not image.get("SOPClassUID"):
        known = image.file_meta.get("MediaStorageSOPClassUID") or _KINDS.get(str(image.get("Modality", "")))
        image.SOPClassUID = known or ""


def _values(labels: NDArray[np.integer], names: Mapping[int, str]) -> list[int]:
    """Return the values of the classes, in order: those named, and those that are there."""
    values = sorted({*np.unique(labels).tolist(), *names} - {0})
    if not values:
        raise StorageError(
            "A DICOM-SEG holds at least one class, and this mask has none.", "Save as .nii.gz."
        )
    return values


def _numbered(labels: NDArray[np.integer], values: Sequence[int]) -> NDArray[np.uint16]:
    """Return the mask in the numbers of its segments, 1, 2, 3 …, which may have no gaps."""
    numbers = np.zeros(max(values) + 1, np.uint16)
    numbers[values] = np.arange(1, len(values) + 1)
    numbered: NDArray[np.uint16] = numbers[labels]
    return numbered


def _frames(numbered: NDArray[np.uint16], slices: Sequence[Slice], first: Any) -> NDArray[np.uint16]:
    """Return the mask as the images have it: the frames of one file in its own order."""
    if slices[0].path != slices[-1].path or number_of_frames(first) == 1:
        return numbered
    frames = np.zeros((number_of_frames(first), *numbered.shape[1:]), np.uint16)
    frames[[one.index for one in slices]] = numbered
    return frames


def _descriptions(values: Sequence[int], about: About) -> list[Any]:
    from highdicom import UID, AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes as known

    table = codes.load()
    algorithm = AlgorithmIdentificationSequence(
        name=about.model[:_LONGEST] or _MAKER,
        family=known.DCM.ArtificialIntelligence,
        version=__version__,
        source=_MAKER,
    )
    found = []
    for number, value in enumerate(values, start=1):
        name = about.names.get(value, "") or f"Class {value}"
        coded = codes.find(name, table)
        one = SegmentDescription(
            segment_number=number,
            segment_label=name[:_LONGEST],
            segmented_property_category=_concept(coded.category_code),
            segmented_property_type=_concept(coded.type),
            algorithm_type="AUTOMATIC" if about.automatic else "SEMIAUTOMATIC",
            algorithm_identification=algorithm,
            tracking_uid=UID(),
            tracking_id=f"{_MAKER} class {value}",
        )
        if coded.modifier is not None:
            kind = one.SegmentedPropertyTypeCodeSequence[0]
            kind.SegmentedPropertyTypeModifierCodeSequence = [_concept(coded.modifier)]
        one.private_block(PRIVATE, PRIVATE_CREATOR, create=True).add_new(VALUE, "US", value)
        found.append(one)
    return found


def _concept(code: codes.Code) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)
