"""The layers that we add over one image: made, kept in place and named after it, put back, taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.viewer.mask_layers import ProposalLayer, ResultLayer
from napari_medkd.viewer.prompt_layers import PromptLayers
from napari_medkd.viewer.transforms import TRANSFORM, data_to_world, place_over

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.viewer.placement import Placement
    from napari_medkd.viewer.workspace import Workspace


class LayerSet:
    """Result, proposal, scribbles, boxes and points over `image`, from the lowest to the highest.

    Parameters
    ----------
    workspace : Workspace
        Whose session they show, and who is told of the user's edits.
    image : Image
        What they lie over; its transform and name are followed.
    placement : Placement
        How its axes sit in the volume.
    before : LayerSet, optional
        The layers over the image that was open before. Where they have the same number of axes they move over
        to `image`: for a viewer, five new layers with their controls are seconds of work.
    """

    def __init__(
        self, workspace: Workspace, image: Image, placement: Placement, before: LayerSet | None = None
    ) -> None:
        session = workspace.session
        assert session.volume is not None and session.labels is not None
        self._viewer = workspace.viewer
        self._image = image
        self._placement = placement
        self._width = 0
        self.leaving = False
        moved = before.release(placement.ndim) if before is not None else ()
        labels, shown, *drawn = moved or (None, None)
        self.result = ResultLayer(
            image, placement, session.volume, session.labels, workspace.labels_painted, labels
        )
        self.proposal = ProposalLayer(
            image, placement, session.volume.shape, workspace.proposal_painted, self.pixel, shown
        )
        self.prompts = PromptLayers(
            image, placement, workspace.prompts_edited, self.pixel, workspace.later, drawn
        )
        for layer in moved:
            place_over(layer, image)
        self._guests: list[Layer] = []
        self._suffixes = {layer: layer.name.removeprefix(image.name) for layer in self.all}

    @property
    def all(self) -> tuple[Layer, ...]:
        """Every layer, from the lowest to the highest."""
        return (self.result.layer, self.proposal.layer, *self.prompts.layers)

    def __contains__(self, layer: object) -> bool:
        return any(layer is one for one in (*self.all, *self._guests))

    def join(self, layer: Layer) -> None:
        """Put one more layer over the image, below ours, to follow it and to go with it.

        The user may delete it.
        """
        layers = self._viewer.layers
        active = layers.selection.active
        layers.insert(layers.index(self.result.layer) + 1, layer)
        layers.selection.active = active
        self._guests.append(layer)
        self._suffixes[layer] = layer.name.removeprefix(self._image.name)

    def add(self) -> None:
        """Put the layers over everything else, and follow the image from now on."""
        layers = self._viewer.layers
        active = layers.selection.active
        if tuple(layers[-len(self.all) :]) != self.all:
            there = [layers.index(layer) for layer in self.all if layer in layers]
            if there:
                layers.move_multiple(there, len(layers))
            else:
                layers.extend(self.all)
        layers.selection.active = active
        for name in TRANSFORM:
            getattr(self._image.events, name).connect(self._on_moved)
        self._image.events.name.connect(self._on_renamed)

    def put_back(self) -> bool:
        """Put back layers that were deleted; tells whether any was."""
        missing = [layer for layer in self.all if layer not in self._viewer.layers]
        below: Layer = self._image
        for layer in self.all:
            if layer in missing:
                self._viewer.layers.insert(self._viewer.layers.index(below) + 1, layer)
            below = layer
        return bool(missing)

    def remove(self, keep_labels: bool = False) -> None:
        """Take the layers out of the viewer; with `keep_labels`, labels that hold something stay."""
        self._leave()
        for layer in self.all:
            if keep_labels and layer is self.result.layer and bool(np.any(layer.data)):
                self.result.detach()
            elif layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def release(self, ndim: int) -> tuple[Layer, ...]:
        """Give the layers, still in the viewer, to another image of `ndim` axes and follow this one no more.

        Empty where they cannot serve it; then they are taken out.
        """
        if ndim != self._placement.ndim or any(layer not in self._viewer.layers for layer in self.all):
            self.remove()
            return ()
        self._leave()
        self.result.detach()
        self.proposal.detach()
        self.prompts.detach()
        return self.all

    def _leave(self) -> None:
        self.leaving = True
        for layer in self._guests:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        for name in TRANSFORM:
            getattr(self._image.events, name).disconnect(self._on_moved)
        self._image.events.name.disconnect(self._on_renamed)

    def pixel(self) -> float:
        """Return the size of a pixel of the screen in pixels of the image."""
        steps = np.eye(self._image.ndim)[-self._placement.ndim :]
        origin = data_to_world(self._viewer, self._image, np.zeros(self._image.ndim))
        spacing = [np.linalg.norm(data_to_world(self._viewer, self._image, s) - origin) for s in steps]
        return float(1 / max(self._viewer.scene.camera.zoom * min(spacing), 1e-9))

    def on_screen(self, plane: Plane, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far (n, 2) row, column points are from the first one on the canvas, (n, 2) x, y."""
        places = self._placement.from_volume(plane.to_volume(points))
        leading = self._placement.leading
        world = np.array(
            [data_to_world(self._viewer, self._image, np.array([*leading, *place])) for place in places]
        )
        offset = self._viewer.dims.ndim - self._image.ndim
        shown = [axis - offset for axis in self._viewer.dims.displayed]
        camera = self._viewer.scene.camera
        down, right = camera.orientation2d
        signs = (1 if str(right) == "right" else -1, 1 if str(down) == "down" else -1)
        away = (world - world[0])[:, shown[::-1]]
        return np.asarray(away * camera.zoom * signs)

    def follow_zoom(self) -> None:
        """Keep outlines as wide on the screen as they were."""
        width = max(1, round(1.5 * self.pixel()))
        if width != self._width:
            self._width = width
            self.proposal.redraw()

    def _on_moved(self) -> None:
        for layer in (*self.all, *self._guests):
            place_over(layer, self._image)

    def _on_renamed(self) -> None:
        for layer, suffix in self._suffixes.items():
            layer.name = f"{self._image.name}{suffix}"
