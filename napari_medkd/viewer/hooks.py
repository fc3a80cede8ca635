"""What the manifest names: reading, writing, samples and commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.volume import Volume
from napari_medkd.errors import MedkdError
from napari_medkd.io import (
    Segments,
    is_readable,
    is_segmentation,
    read_segmentation,
    read_volume,
    write_labels,
)
from napari_medkd.viewer.image_source import METADATA_KEY, NAMES_KEY, volume_of_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer
    from numpy.typing import NDArray

    LayerData = tuple[Any, dict[str, Any], str]

PLUGIN, WIDGET = "napari-medkd", "Segment & correct (MedKD)"
_PLANES = dict.fromkeys("SI", "axial") | dict.fromkeys("AP", "coronal") | dict.fromkeys("LR", "sagittal")
NOTHING: list[Any] = [(None,)]  # napari's word for "read, but there is no layer"


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return the reader where it knows every path given, else None."""
    paths = [path] if isinstance(path, str) else list(path)
    return read if paths and all(is_readable(one) for one in paths) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read images as layers that remember their geometry; what cannot be read is said in a sentence."""
    from napari_medkd.viewer.errors import notify

    paths = [path] if isinstance(path, str) else list(path)
    layers = []
    for one in paths:
        try:
            if is_segmentation(Path(one)):
                layers.append(mask_layer_data(read_segmentation(one), Path(one).stem))
            else:
                layers.append(layer_data(read_volume(one)))
        except MedkdError as error:
            notify(error)
    return layers or NOTHING


def mask_layer_data(segments: Segments, name: str) -> LayerData:
    """Return a DICOM-SEG as a labels layer where it lies in the patient, beside its image."""
    flat = segments.labels.shape[0] == 1
    affine = segments.geometry.display_affine()
    options: dict[str, Any] = {
        "name": name,
        "affine": affine[1:, 1:] if flat else affine,
        "metadata": {NAMES_KEY: segments.names},
    }
    if segments.geometry.from_file:
        options["units"] = ("mm",) * (2 if flat else 3)
    return (segments.labels[0] if flat else segments.labels), options, "labels"


def layer_data(volume: Volume) -> LayerData:
    """Return a volume as an image layer: axes as stored, flipped upright, in mm; one slice is 2-D."""
    flat = volume.shape[0] == 1
    affine = volume.geometry.display_affine()
    options: dict[str, Any] = {
        "name": volume.name,
        "affine": affine[1:, 1:] if flat else affine,
        "rgb": volume.is_rgb,
        "metadata": {METADATA_KEY: volume},
    }
    if volume.geometry.from_file:
        options["units"] = ("mm",) * (2 if flat else 3)
    if volume.geometry.from_file and not flat:
        # A slider moves along an axis; what people call it is the plane across.
        options["axis_labels"] = tuple(_PLANES[letter] for letter in volume.geometry.orientation)
    if not volume.is_rgb:
        options["contrast_limits"] = (volume.window.low, volume.window.high)
        options["colormap"] = "gray"
    return (volume.data[0] if flat else volume.data), options, "image"


def write_labels_layer(path: str, data: NDArray[Any], meta: dict[str, Any]) -> list[str]:
    """Save a labels layer with the geometry of the image that it was made for, or its own transform."""
    known = meta.get("metadata", {}).get(METADATA_KEY)
    labels = np.asarray(data)
    labels = labels[np.newaxis] if labels.ndim == 2 else labels
    if not (isinstance(known, Volume) and known.shape == labels.shape):
        known = volume_of_layer(labels, np.asarray(data).ndim, meta)
    names = meta.get("metadata", {}).get(NAMES_KEY)
    return [str(write_labels(Path(path), labels, known, names))]


def open_panel(viewer: "napari.viewer.Viewer") -> None:  # noqa: UP037  (napari reads it to inject the viewer)
    """Dock the panel, or bring it to the front where it is docked already."""
    viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
