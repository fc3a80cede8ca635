"""``medkd view``: napari with an image and the panel, ready for the first click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari

from napari_medkd.io import read_volume
from napari_medkd.viewer.dock import WIDTH, MedkdDock
from napari_medkd.viewer.hooks import WIDGET, layer_data

if TYPE_CHECKING:
    from pathlib import Path


def launch(image: Path | None = None, model_id: str | None = None) -> None:
    """Open napari with `image` and the panel docked, and stay until it is closed.

    Parameters
    ----------
    image : Path, optional
        An image file or the folder of a DICOM series; read before any window opens.
    model_id : str, optional
        Model to start with; the default of the settings otherwise.

    Raises
    ------
    UnreadableFile
        Where the image cannot be opened.
    """
    volume = read_volume(image) if image is not None else None
    viewer = napari.Viewer(title="napari-medkd")
    if volume is not None:
        data, options, _ = layer_data(volume)
        viewer.add_image(data, **options)
    dock_panel(viewer, model_id)
    napari.run()


def dock_panel(viewer: napari.Viewer, model_id: str | None = None) -> MedkdDock:
    """Dock the panel at the right of a viewer, as wide as it wants to be."""
    dock = MedkdDock(viewer, model_id=model_id or "")
    docked = viewer.window.add_dock_widget(dock, name=WIDGET, area="right")
    viewer.window._qt_window.resizeDocks([docked], [WIDTH], _horizontal())
    return dock


def _horizontal() -> object:
    from qtpy.QtCore import Qt

    return Qt.Orientation.Horizontal
