"""DICOM: single files, series folders, multi-frame and tiled images; by pydicom (the extra ``dicom``)."""

from napari_medkd.io.dicom.reader import DICOM, read_files
from napari_medkd.io.dicom.seg_reader import Segments, is_segmentation, read_segments
from napari_medkd.io.dicom.series import Series, group
from napari_medkd.io.dicom.sniff import holds_dicom, looks_like_dicom

__all__ = [
    "DICOM",
    "Segments",
    "Series",
    "group",
    "holds_dicom",
    "is_segmentation",
    "looks_like_dicom",
    "read_files",
    "read_segments",
]
