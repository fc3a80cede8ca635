"""Reading images and writing masks: ``read_volume``, ``write_labels``, ``read_labels``.

A new format is one module here that ends in ``register(Format(…))``, and one line below.
"""

from napari_medkd.io import dicom, nifti, nrrd_mha, ome_zarr, raster, tiff  # noqa: F401  (registers them)
from napari_medkd.io.dicom import Segments, is_segmentation
from napari_medkd.io.file_format import Format, formats
from napari_medkd.io.labels import read_label_names, read_labels
from napari_medkd.io.reading import (
    is_readable,
    open_volume,
    read_segmentation,
    read_series,
    read_volume,
    suffixes,
)
from napari_medkd.io.writing import writable_suffixes, write_labels

__all__ = [
    "Format",
    "Segments",
    "formats",
    "is_readable",
    "is_segmentation",
    "open_volume",
    "read_label_names",
    "read_labels",
    "read_segmentation",
    "read_series",
    "read_volume",
    "suffixes",
    "writable_suffixes",
    "write_labels",
]
