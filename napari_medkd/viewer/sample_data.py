"""The open samples under File > Open Sample, one function each for the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.io import read_volume
from napari_medkd.samples import sample
from napari_medkd.viewer.errors import tell
from napari_medkd.viewer.hooks import layer_data

if TYPE_CHECKING:
    from napari_medkd.viewer.hooks import LayerData


def open_sample(key: str) -> list[LayerData]:
    """Return a sample as an image layer, and name whom it is from."""
    chosen = sample(key)
    tell(f"{chosen.attribution}. Licence: {chosen.licence}.")
    return [layer_data(read_volume(chosen.path))]


def nuclei() -> list[LayerData]:
    """Open cell nuclei (microscopy)."""
    return open_sample("nuclei")


def carotid() -> list[LayerData]:
    """Open a carotid artery (ultrasound)."""
    return open_sample("carotid")


def fundus() -> list[LayerData]:
    """Open retinal vessels (fundus photograph)."""
    return open_sample("fundus")


def spinal_cord() -> list[LayerData]:
    """Open a spinal cord (MR, 3-D)."""
    return open_sample("spinal-cord")


def ct_slice() -> list[LayerData]:
    """Open one slice of a CT (DICOM)."""
    return open_sample("ct-slice")
