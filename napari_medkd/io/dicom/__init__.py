"""DICOM: single files, series folders, multi-frame and tiled images; by pydicom (the extra ``dicom``)."""

from napari_medkd.io.dicom.reader import DICOM
from napari_medkd.io.dicom.sniff import holds_dicom, looks_like_dicom

__all__ = ["DICOM", "holds_dicom", "looks_like_dicom"]
