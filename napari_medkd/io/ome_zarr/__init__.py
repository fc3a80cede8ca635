"""OME-Zarr: images in pieces, in a folder; by zarr (the extra ``zarr``)."""

from napari_medkd.io.ome_zarr.reader import OME_ZARR, is_zarr, open_lazily, read_names

__all__ = ["OME_ZARR", "is_zarr", "open_lazily", "read_names"]
