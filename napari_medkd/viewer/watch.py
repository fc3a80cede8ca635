"""What the user does to layers: selecting, deleting, replacing. Nothing is lost by it silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

from napari_medkd.viewer.errors import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.utils.events import Event

    from napari_medkd.viewer.workspace import Workspace

PUT_BACK = (
    "This layer belongs to the open image and was put back. Remove the image, or choose another, to close it."
)
KEPT_IMAGE = "The image was put back, since its proposal is not committed yet."


class LayerWatch:
    """Opens the image that is selected, closes with it, and puts back our layers where they are deleted.

    Parameters
    ----------
    workspace : Workspace
        Whose layers are watched.
    later : callable
        Calls its argument when the viewer has finished what it is doing: a selection of layers is deleted
        one by one, and only the whole tells what the user meant.
    """

    def __init__(self, workspace: Workspace, later: Callable[[Callable[[], None]], object]) -> None:
        self._workspace = workspace
        self._later = later
        self._image: Image | None = None
        workspace.viewer.layers.events.removed.connect(self._on_removed)
        workspace.viewer.layers.selection.events.active.connect(self._on_selected)
        workspace.opened.connect(self._on_opened)

    def disconnect(self) -> None:
        """Stop watching."""
        self._workspace.viewer.layers.events.removed.disconnect(self._on_removed)
        self._workspace.viewer.layers.selection.events.active.disconnect(self._on_selected)
        self._on_opened()

    def _on_opened(self) -> None:
        if self._image is not None:
            self._image.events.data.disconnect(self._on_data)
        self._image = self._workspace.image if self._workspace.layers is not None else None
        if self._image is not None:
            self._image.events.data.connect(self._on_data)

    def _on_selected(self) -> None:
        """Open the image that is selected, as one that was just dropped is, once the viewer is done."""
        if isinstance(self._workspace.viewer.layers.selection.active, Image):
            self._later(self._open_selected)

    def _open_selected(self) -> None:
        workspace = self._workspace
        active = workspace.viewer.layers.selection.active
        if not isinstance(active, Image) or active is workspace.image:
            return
        if workspace.image is not None and workspace.session.proposal is not None:
            # Selecting a layer asks for no decision: whoever means to leave chooses the image in the panel.
            tell(f"{active.name} is not opened: the proposal on {workspace.image.name} is not committed.")
            return
        workspace.act(lambda: workspace.open(active))

    def _on_removed(self, event: Event) -> None:
        layers = self._workspace.layers
        if layers is None or layers.leaving:
            return
        if event.value is self._workspace.image or event.value in layers:
            self._later(self._repair)

    def _repair(self) -> None:
        workspace = self._workspace
        layers, image = workspace.layers, workspace.image
        if layers is None or image is None:
            return
        if image in workspace.viewer.layers:
            if layers.put_back():
                tell(PUT_BACK)
        elif not workspace.close(keep_labels=True):
            workspace.viewer.layers.insert(0, image)
            layers.put_back()
            tell(KEPT_IMAGE)

    def _on_data(self) -> None:
        self._later(self._open_again)

    def _open_again(self) -> None:
        image = self._image
        if image is not None and image in self._workspace.viewer.layers:
            self._workspace.act(lambda: self._workspace.open(image))
