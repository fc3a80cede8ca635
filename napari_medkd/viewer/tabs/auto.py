"""The Auto tab in the viewer: where a model looks, its suggestions on the image, and flying to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import MedkdError
from napari_medkd.session.looking import Place
from napari_medkd.viewer.flight import fly_to
from napari_medkd.viewer.image_source import take_image
from napari_medkd.viewer.looker import Looker
from napari_medkd.viewer.suggestion_layer import SuggestionLayer
from napari_medkd.widgets.auto_panel import AutoPanel
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.look_box import IMAGES, SLICE

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.session.suggestion import Suggestion
    from napari_medkd.viewer.dock import MedkdDock


class AutoTab:
    """Stands between the Auto tab and a dock.

    Parameters
    ----------
    dock : MedkdDock
        Holds the session and the viewer.
    """

    def __init__(self, dock: MedkdDock) -> None:
        self._dock, self._session = dock, dock.session
        self._shown: SuggestionLayer | None = None
        self.page = AutoPanel(dock.session, dock.workspace.asker)
        self.page.look_requested.connect(self._on_look)
        self.page.fly_requested.connect(self._fly)
        self.page.chosen.connect(self._choose)
        self.page.next_image_requested.connect(self._open_next)
        self.page.action_requested.connect(dock.perform)
        dock.performers.append(self.perform)
        self._looker = Looker(dock.session, dock.dispatch, dock.load)
        self._looker.loading.connect(self.page.set_loading)
        self._looker.failed.connect(self.page.show_error)
        dock.panel.models.models_changed.connect(self._list_models)
        self._list_models()
        self._links = Links(self.page)
        self._links.connect(dock.workspace.opened, self._on_opened)
        self._links.connect(dock.session.segmenter_changed, self._list_models)
        self._links.connect(dock.session.plane_changed, self._draw)
        self._links.connect(dock.session.suggestions.changed, self._draw)
        self._links.connect(dock.session.suggestions.changed, self._count_others)
        dock.viewer.layers.events.removed.connect(self._on_removed)
        dock.viewer.scene.camera.events.zoom.connect(self._on_zoom)

    def close(self) -> None:
        """Let the model look no further, and stop following the viewer."""
        self._session.suggestions.stop()
        self._looker.close()
        self._links.close()
        self._dock.viewer.layers.events.removed.disconnect(self._on_removed)
        self._dock.viewer.scene.camera.events.zoom.disconnect(self._on_zoom)

    def perform(self, action: str) -> bool:
        """Do what a key means here; False where it means something else now."""
        if action == "look":
            self._dock.panel.show_tab("Auto")
        elif not self.page.isVisible():
            return False
        return self.page.perform(action)

    # --- where to look ------------------------------------------------------------------------------------
    def _list_models(self, *_: object) -> None:
        self.page.set_models(self._dock.library.cards(), self._dock.settings.looking_model)

    def _on_look(self, where: str, modality: str, model_id: str) -> None:
        def look(looker: Segmenter | None) -> None:
            places = [] if where == SLICE else [self._session.everywhere(self._axis())]
            places += self._other_places() if where == IMAGES else []
            self._session.look(places, modality, looker)

        self._looker.ask(model_id, lambda looker: self._dock.workspace.act(lambda: look(looker)))

    def _axis(self) -> int:
        return self._session.plane.axis if self._session.plane is not None else 0

    def _other_places(self) -> list[Place]:
        """Return every slice of the other images in the viewer that can be segmented."""
        places = []
        for layer in self._images():
            if layer is self._dock.workspace.image:
                continue
            try:
                volume, _ = take_image(self._dock.viewer, layer)
            except MedkdError:
                continue  # an image that cannot be opened is none of those that were asked for
            places.append(Place(volume, tuple(Plane(0, index) for index in range(volume.shape[0]))))
        return places

    def _images(self) -> list[Image]:
        return [layer for layer in self._dock.viewer.layers if isinstance(layer, Image)]

    # --- other images -------------------------------------------------------------------------------------
    def _count_others(self) -> None:
        waiting = self._waiting()
        self.page.show_others(len(waiting), sum(waiting.values()))

    def _waiting(self) -> dict[str, int]:
        """Return how many suggestions are left to decide in other images than the open one."""
        volume = self._session.volume
        here = volume.content_id if volume is not None else ""
        counts = self._session.suggestions.waiting()
        return {name: count for name, count in counts.items() if count and name != here}

    def _open_next(self) -> None:
        """Open the next image, in the order of the layers, that has something to decide."""
        waiting, images = self._waiting(), self._images()
        current = self._dock.workspace.image
        start = next((place for place, image in enumerate(images) if image is current), -1) + 1
        for layer in (*images[start:], *images[:start]):
            try:
                volume, _ = take_image(self._dock.viewer, layer)
            except MedkdError:
                continue
            if volume.content_id in waiting:
                self._reveal(layer)
                return

    def _reveal(self, layer: Image) -> None:
        """Open an image and show it alone: they all lie over each other."""
        before = self._dock.workspace.image
        if self._dock.open_image(layer):
            layer.visible = True
            if before is not None and before is not layer:
                before.visible = False
            self._dock.viewer.layers.selection.active = layer

    # --- on the image -------------------------------------------------------------------------------------
    def _on_opened(self, *_: object) -> None:
        self._shown = None  # its layer went with those of the image before
        self._draw()
        self._count_others()

    def _on_removed(self, event: Event) -> None:
        """Take the deletion of the layer for the wish to have its suggestions gone."""
        layers = self._dock.workspace.layers
        if self._shown is not None and event.value is self._shown.layer:
            self._shown = None
            if layers is not None and not layers.leaving:
                self._session.suggestions.forget()

    def _on_zoom(self) -> None:
        if self._shown is not None and self._shown.is_outgrown:
            self._draw()

    def _draw(self, *_: object) -> None:
        suggestions = self._session.suggestions
        if self._shown is None and suggestions.new:
            self._add_layer()
        if self._shown is not None:
            self._shown.show(self._session.plane, suggestions.resting, self.page.review.table.current)

    def _choose(self) -> None:
        if self._shown is not None:
            self._shown.choose(self.page.review.table.current)

    def _add_layer(self) -> None:
        workspace, volume = self._dock.workspace, self._session.volume
        if (
            workspace.layers is None
            or workspace.image is None
            or workspace.placement is None
            or volume is None
        ):
            return
        self._shown = SuggestionLayer(
            workspace.image, workspace.placement, volume.shape, workspace.layers.pixel
        )
        self._dock.adopt(self._shown.layer)

    def _fly(self, one: Suggestion | None) -> None:
        if one is not None:
            plane = self._session.plane
            part = one.on(plane) if plane is not None else None
            fly_to(self._dock.workspace, part or one.main)
