"""Which gesture the mouse makes: by tool, by modifier, and by what is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medkd.errors import MedkdError
from napari_medkd.viewer.gestures import LEFT, RIGHT, Gestures
from napari_medkd.widgets.keys import key_for

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_medkd.viewer.layer_set import LayerSet
    from napari_medkd.viewer.preview import Preview
    from napari_medkd.viewer.rubber_band import Band
    from napari_medkd.viewer.workspace import Workspace

    Gesture = Callable[[Any], Generator[None, None, None]]


class MouseTools:
    """Turns the mouse into prompts while the image or one of our layers is selected.

    Where the selected layer is in a mode of napari's own (painting, selecting shapes), that mode goes first;
    Shift+drag and Ctrl+click are ours everywhere.

    Parameters
    ----------
    workspace : Workspace
        Who turns positions into slices and prompts into proposals.
    preview : Preview
        Who shows what would come of it.
    """

    def __init__(self, workspace: Workspace, preview: Preview) -> None:
        self._workspace = workspace
        self._preview = preview
        self._gestures = Gestures(workspace, preview)
        self.tool = "move"
        self.suspended = False
        viewer = workspace.viewer
        viewer.mouse_drag_callbacks.append(self._on_press)
        viewer.mouse_move_callbacks.append(self._on_hover)
        _clear_brush(viewer)
        workspace.opened.connect(self._on_opened)

    def draw_on(self, band: Band) -> None:
        """Show drags with `band` while they last; without one they are not shown."""
        self._gestures.band = band

    def disconnect(self) -> None:
        """Give the mouse back."""
        viewer = self._workspace.viewer
        viewer.mouse_drag_callbacks.remove(self._on_press)
        viewer.mouse_move_callbacks.remove(self._on_hover)

    def activate(self, tool: str) -> None:
        """Arm a tool: select the layer that it works in, in the mode that it needs."""
        self.tool = tool
        self._preview.clear()
        layers = self._workspace.layers
        if layers is None:
            return
        for layer in layers.all:
            layer.mode = "pan_zoom"
        home = self._home(layers)
        self._workspace.viewer.layers.selection.active = home
        if tool in ("paint", "erase"):
            layers.result.layer.selected_label = self._workspace.session.active_class.value
            home.mode = tool
        elif tool != "move":
            home.cursor = "cross"
        home.help = key_for(f"tool_{tool}").tooltip  # napari's own would name keys that are ours here

    def suspend(self, suspended: bool) -> None:
        """Pan and zoom for a moment (Space held), whatever the tool."""
        self.suspended = suspended
        layers = self._workspace.layers
        if layers is not None and self.tool in ("paint", "erase"):
            layers.proposal.layer.mode = "pan_zoom" if suspended else self.tool

    def delete_selected_point(self) -> bool:
        """Delete the points that are selected; False where none is."""
        layers = self._workspace.layers
        if layers is None or not layers.prompts.points.selected_data:
            return False
        layers.prompts.points.remove_selected()
        return True

    def delete_under_pointer(self) -> None:
        """Delete the committed object under the pointer."""
        self._gestures.delete_at(self._workspace.viewer.cursor.position)

    def _home(self, layers: LayerSet) -> Layer:
        prompts = layers.prompts
        homes = {
            "point": prompts.points,
            "box": prompts.boxes,
            "lasso": prompts.boxes,
            "scribble": prompts.scribble,
            "paint": layers.proposal.layer,
            "erase": layers.proposal.layer,
            "delete": layers.result.layer,
        }
        return homes.get(self.tool, self._workspace.image)

    def _on_opened(self) -> None:
        if self._workspace.layers is not None:
            self.activate(self.tool)

    # --- dispatch -----------------------------------------------------------------------------------------
    def _on_press(self, viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
        layers = self._workspace.layers
        active = viewer.layers.selection.active
        if layers is None or self.suspended or not self._is_ours(active, layers):
            return
        self._preview.clear()
        gesture = self._everywhere(event)
        native = active is not None and str(active.mode) not in ("pan_zoom", "transform")
        if gesture is None:
            gesture = None if native else self._by_tool(event)
        elif native:
            gesture = self._instead_of(active, gesture)
        if gesture is not None:
            yield from gesture(event)

    def _is_ours(self, active: Layer | None, layers: LayerSet) -> bool:
        return active is None or active is self._workspace.image or active in layers

    def _everywhere(self, event: Any) -> Gesture | None:
        if event.button != LEFT:
            return None
        if "Control" in event.modifiers:
            return self._gestures.reopen
        return self._gestures.box if "Shift" in event.modifiers else None

    def _by_tool(self, event: Any) -> Gesture | None:
        if event.button == RIGHT:
            return {"point": self._gestures.point, "scribble": self._gestures.scribble}.get(self.tool)
        if event.button != LEFT:
            return None
        return {
            "point": self._gestures.point,
            "box": self._gestures.box,
            "scribble": self._gestures.scribble,
            "lasso": self._gestures.lasso,
            "delete": self._gestures.delete,
        }.get(self.tool)

    def _instead_of(self, layer: Layer, gesture: Gesture) -> Gesture:
        """Return `gesture` with the layer's own mode off meanwhile: its callbacks come after ours."""

        def paused(event: Any) -> Generator[None, None, None]:
            mode, layer.mode = layer.mode, "pan_zoom"
            try:
                yield from gesture(event)
            finally:
                layer.mode = mode

        return paused

    def _on_hover(self, viewer: ViewerModel, event: Any) -> None:
        layers = self._workspace.layers
        if self.tool != "point" or layers is None or self.suspended:
            return
        active = viewer.layers.selection.active
        if not self._is_ours(active, layers) or event.modifiers:
            return
        try:
            plane, row, column = self._workspace.locate(event.position)
        except MedkdError:
            return  # a pointer that passes needs no sentence
        rows, columns = plane.shape(self._workspace.shape)
        if -0.5 <= row < rows - 0.5 and -0.5 <= column < columns - 0.5:
            self._preview.hover(plane, row, column)
        else:
            self._preview.clear()


def _clear_brush(viewer: ViewerModel) -> None:
    """Take away the box behind the circle of napari's brush.

    napari 0.9.2 draws it from the second stroke on, a black square that stays where the brush was last; with
    Mesa's software renderer, drawing it after a change of dimensions ends the program.
    """
    circle = getattr(viewer.canvas.overlays, "_brush_circle", None)
    if circle is not None:
        circle.box = False
