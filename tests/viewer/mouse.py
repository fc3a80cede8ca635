"""A mouse for tests: events for a viewer without a window, and real ones for a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from napari_medkd.viewer.transforms import data_to_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

LEFT, RIGHT = 1, 2


class MouseEvent:
    """What napari hands to mouse callbacks."""

    def __init__(self, viewer: ViewerModel, world: Any, button: int, modifiers: tuple[str, ...]):
        self.type = "mouse_press"
        self.button = button
        self.modifiers = modifiers
        self.handled = False
        self.is_dragging = False
        self.view_direction = None
        self.dims_displayed = list(viewer.dims.displayed)
        self.dims_point = list(viewer.dims.point)
        self.move_to(viewer, world)

    def move_to(self, viewer: ViewerModel, world: Any) -> None:
        self.position = tuple(world)
        shown = [world[axis] for axis in viewer.dims.displayed]
        self.pos = np.array(shown[::-1]) * viewer.scene.camera.zoom


class ModelMouse:
    """Moves over a `ViewerModel` in data coordinates of a layer, as the canvas would report it."""

    def __init__(self, viewer: ViewerModel, layer: Layer):
        self.viewer, self.layer = viewer, layer

    def click(
        self, place: Sequence[float], button: int = LEFT, modifiers: tuple[str, ...] = ()
    ) -> MouseEvent:
        return self.drag([place], button, modifiers)

    def drag(
        self, path: Sequence[Sequence[float]], button: int = LEFT, modifiers: tuple[str, ...] = ()
    ) -> MouseEvent:
        event = MouseEvent(self.viewer, self.world(path[0]), button, modifiers)
        self._send(mouse_press_callbacks, event)
        event.type, event.is_dragging = "mouse_move", True
        for place in path[1:]:
            event.move_to(self.viewer, self.world(place))
            self._send(mouse_move_callbacks, event)
        event.type = "mouse_release"
        self._send(mouse_release_callbacks, event)
        return event

    def hover(self, place: Sequence[float]) -> None:
        event = MouseEvent(self.viewer, self.world(place), 0, ())
        event.type = "mouse_move"
        self.viewer.cursor.position = event.position
        self._send(mouse_move_callbacks, event)

    def world(self, place: Sequence[float]) -> list[float]:
        world = list(self.viewer.dims.point)
        world[-self.layer.ndim :] = data_to_world(self.viewer, self.layer, place)
        return world

    def _send(self, callbacks: Any, event: MouseEvent) -> None:
        callbacks(self.viewer, event)
        active = self.viewer.layers.selection.active
        if active is not None:
            callbacks(active, event)
