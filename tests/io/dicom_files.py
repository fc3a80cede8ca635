"""DICOM files made in the test: one slice each, or many frames in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from pathlib import Path

SERIES, STUDY = generate_uid(), generate_uid()


def make(pixels: np.ndarray, **tags: object) -> FileDataset:
    """Return a CT data set of (rows, columns[, 3]) or (frames, rows, columns) pixels with further tags."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, SERIES
    dataset.Modality, dataset.SeriesNumber, dataset.PatientName = "CT", 1, "Nobody^Invented"
    is_colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    if pixels.ndim == 3 and not is_colour:
        dataset.NumberOfFrames = pixels.shape[0]
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if is_colour else pixels.shape[-2:]
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file."""
    dataset.save_as(path, enforce_file_format=True)
    return path


def placed(affine_lps: np.ndarray, index: int) -> dict[str, object]:
    """Return the tags that place slice `index` of an (x, y, z) → LPS affine."""
    columns = affine_lps[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    cosines = columns / spacing
    position = affine_lps[:3, 3] + index * columns[:, 2]
    return {
        "ImageOrientationPatient": [round(float(v), 10) for v in (*cosines[:, 0], *cosines[:, 1])],
        "ImagePositionPatient": [round(float(v), 9) for v in position],
        "PixelSpacing": [float(spacing[1]), float(spacing[0])],
        "SliceThickness": float(spacing[2]),
        "InstanceNumber": index + 1,
    }


def write_series(folder: Path, data: np.ndarray, affine_lps: np.ndarray, skip: tuple[int, ...] = ()) -> None:
    """Write (z, y, x) int16 values as a series whose file names and order say nothing about the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(0).permutation(len(data))
    for index, pixels in enumerate(data):
        if index not in skip:
            save(make(pixels, **placed(affine_lps, index)), folder / f"IM{names[index]:04d}")
