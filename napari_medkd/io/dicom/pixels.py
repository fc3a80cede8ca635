"""From a DICOM data set to values as they are meant: decoded, rescaled, colours as RGB, dark air."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import UnreadableFile
from napari_medkd.io.dicom.dataset import open_dataset, require_image
from napari_medkd.io.dicom.slices import Slice, lookup, number_of_frames
from napari_medkd.io.memory import check_size
from napari_medkd.io.values import eight_bit_colour, plain, rescaled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_INVERTED = "Bright and dark are exchanged in the file (MONOCHROME1); they are shown as usual."


def load(slices: Sequence[Slice]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the values of slices, (z, y, x) or (z, y, x, 3) uint8, and sentences on what was done."""
    check_size(slices[0].path.name, (len(slices), *slices[0].size), 4)
    images: list[NDArray[Any]] = []
    inverted = False
    for path, group in groupby(slices, key=lambda one: one.path):
        dataset = open_dataset(path)
        require_image(dataset, path.name)
        inverted |= is_inverted(dataset)
        images += _images(dataset, path, [one.index for one in group])
    if len({image.shape for image in images}) > 1:
        raise UnreadableFile(
            "The images of the series differ in size or colour.", "Open a single file of it."
        )
    data, notes = plain(np.stack(images))
    return data, (*notes, _INVERTED) if inverted else notes


def is_inverted(dataset: Any) -> bool:
    """Tell whether high values are meant to be dark."""
    return bool(dataset.get("PhotometricInterpretation") == "MONOCHROME1")


def inversion_sum(dataset: Any, index: int) -> float:
    """Return what a MONOCHROME1 value and its inverted one add up to, after rescaling."""
    bits = int(dataset.get("BitsStored") or 8)
    signed = bool(dataset.get("PixelRepresentation"))
    lowest, highest = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    slope, intercept = _rescale(dataset, index)
    return slope * (lowest + highest) + 2 * intercept


def _images(dataset: Any, path: Path, indices: Sequence[int]) -> list[NDArray[Any]]:
    """Return some frames of one file as they are meant."""
    decoded, is_final = _decode(dataset, path)
    if max(indices) >= decoded.shape[0]:
        raise UnreadableFile(
            f'"{path.name}" says {number_of_frames(dataset)} frames and holds {decoded.shape[0]}.',
            "The file is cut off; export it again.",
        )
    images = [decoded[i] if is_final else _meant(decoded[i], dataset, i) for i in indices]
    if is_inverted(dataset):
        images = [_inverted(image, dataset, i) for image, i in zip(images, indices, strict=True)]
    return images


def _decode(dataset: Any, path: Path) -> tuple[NDArray[Any], bool]:
    """Return (frames, rows, columns[, 3]) values, and whether they are as they are meant already.

    pydicom decodes with what is installed beside it. What it cannot (12-bit and lossless JPEG, JPEG-LS
    without further packages), SimpleITK decodes, which is always there; it rescales by itself.
    """
    try:
        return _by_frame(np.asarray(dataset.pixel_array), dataset), False
    except Exception:
        if not dataset.file_meta.TransferSyntaxUID.is_compressed:
            raise
        try:
            return _decode_itk(path), True
        except Exception:  # SimpleITK says less about what is wrong than pydicom
            pass
        raise


def _decode_itk(path: Path) -> NDArray[Any]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")  # always of three dimensions, a single image too
    reader.SetFileName(str(path))
    data = np.asarray(sitk.GetArrayFromImage(reader.Execute()))
    return eight_bit_colour(data) if data.ndim == 4 else data


def _by_frame(data: NDArray[Any], dataset: Any) -> NDArray[Any]:
    """Put a frame axis first, whatever the decoder left out."""
    is_colour = data.shape[-1] in (3, 4) and int(dataset.get("SamplesPerPixel") or 1) > 1
    rows_axis = data.ndim - (3 if is_colour else 2)
    return data[np.newaxis] if rows_axis == 0 else data


def _meant(stored: NDArray[Any], dataset: Any, index: int) -> NDArray[Any]:
    """Return one frame in the units of its modality, or as 8-bit RGB."""
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        return eight_bit_colour(apply_color_lut(stored, dataset))
    if stored.ndim == 3:
        return eight_bit_colour(stored)
    if dataset.get("ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(stored, dataset))
    return rescaled(stored, *_rescale(dataset, index))


def _rescale(dataset: Any, index: int) -> tuple[float, float]:
    group = "PixelValueTransformationSequence"
    slope = lookup(dataset, index, group, "RescaleSlope")
    intercept = lookup(dataset, index, group, "RescaleIntercept")
    try:
        return float(slope) or 1.0 if slope is not None else 1.0, float(intercept or 0.0)
    except (TypeError, ValueError):
        return 1.0, 0.0


def _inverted(image: NDArray[Any], dataset: Any, index: int) -> NDArray[Any]:
    inverted = rescaled(image, -1.0, inversion_sum(dataset, index))
    return inverted.astype(np.uint8) if image.dtype == np.uint8 else inverted
