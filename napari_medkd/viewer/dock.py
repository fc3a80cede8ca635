"""The dock widget: one session, its panel, and everything between them and the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from napari_medkd import settings
from napari_medkd.io import writable_suffixes
from napari_medkd.session.session import Session
from napari_medkd.session.worker import ThreadWorker
from napari_medkd.viewer.afterwards import Afterwards
from napari_medkd.viewer.dispatch import GuiDispatch
from napari_medkd.viewer.errors import notify
from napari_medkd.viewer.keys import KeyBindings
from napari_medkd.viewer.leading import go_to, leading_axes
from napari_medkd.viewer.library import InstalledModels
from napari_medkd.viewer.model_loader import ModelLoader
from napari_medkd.viewer.preview import Preview
from napari_medkd.viewer.rubber_band import RubberBand
from napari_medkd.viewer.tabs import TABS
from napari_medkd.viewer.tools import MouseTools
from napari_medkd.viewer.watch import LayerWatch
from napari_medkd.viewer.workspace import Workspace
from napari_medkd.widgets import MedkdPanel, ModelsPanel, SegmentPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    import numpy as np
    from napari.layers import Layer
    from napari.utils.events import Event
    from numpy.typing import NDArray
    from qtpy.QtGui import QShowEvent

    from napari_medkd.errors import MedkdError
    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.viewer.layer_set import LayerSet
    from napari_medkd.viewer.model_loader import Load
    from napari_medkd.viewer.tabs import Tab
    from napari_medkd.widgets import Asker

WIDTH = 330  # of the dock, in pixels
_SETTLE_MS = 400  # the contrast slider has come to rest: the model may look again
_PROMPTING = ("point", "box", "scribble", "lasso")
_FIRST_TOOLS = ("point", "box")  # the first that the model understands is armed: Shift+drag boxes anyway


class MedkdDock(QWidget):
    """Segment and correct the images of one viewer; two viewers have two docks and two sessions.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer that it is docked in.
    asker : Asker, optional
        Who answers questions; dialogs where None.
    load : callable, optional
        Loads a model; see `ModelLoader`.
    choose_path : callable, optional
        Takes a proposed path, returns where to save or None; a file dialog where None.
    model_id : str
        Model to start with; the default of the settings where empty.
    """

    def __init__(
        self,
        napari_viewer: "napari.viewer.Viewer",  # noqa: UP037  (napari reads this when it makes the widget)
        *,
        asker: Asker | None = None,
        load: Load | None = None,
        choose_path: Callable[[Path], Path | None] | None = None,
        model_id: str = "",
    ) -> None:
        super().__init__()
        # napari hands a plugin a proxy, through which no layer is the same object twice.
        self.viewer = napari_viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._window: QWidget | None = None
        self._band: RubberBand | None = None
        self._choose_path = choose_path or self._ask_path
        self._closed = False
        self.settings = chosen = settings.Settings.load()
        self.dispatch = GuiDispatch(self)
        self._worker = ThreadWorker(self.dispatch)
        self.session = Session(
            self._worker,
            settings.home() / "journals",
            cache_bytes=chosen.embedding_cache_mb * 2**20,
            undo_bytes=chosen.undo_mb * 2**20,
        )
        self.library = InstalledModels()
        self.panel = self._build_panel(chosen, asker)
        self._later = Afterwards(self)
        self.workspace = Workspace(
            napari_viewer, self.session, self.panel.segment, self.show_error, self._later
        )
        self._preview = Preview(self.session)
        self.tools = MouseTools(self.workspace, self._preview)
        self._watch = LayerWatch(self.workspace, self.dispatch)
        self._keys = KeyBindings(
            napari_viewer, self.perform, self.tools.suspend, self.tools.delete_selected_point
        )
        self.load = load  # how tabs load models of their own
        self._loader = ModelLoader(self.dispatch, load)
        self.performers: list[Callable[[str], bool]] = []  # tabs that may know better what a key means now
        self._settled = QTimer(self, interval=_SETTLE_MS, singleShot=True)
        self.tabs: dict[str, Tab] = {title: make(self) for title, make in TABS.items()}
        for title, tab in self.tabs.items():
            self.panel.add_tab(title, tab.page)
        self._connect()
        self._list_images()
        self._open_first()
        self.use_model(model_id or chosen.default_model)

    # --- actions ------------------------------------------------------------------------------------------
    def perform(self, action: str) -> None:
        """Do an action of the table of keys: that of a tab which shows it, the panel's or the viewer's."""
        if any(perform(action) for perform in self.performers):
            return
        if self.panel.segment.perform(action):
            return
        if action == "hover":
            self._preview.toggle()
        elif action == "delete_object":
            self.tools.delete_under_pointer()
        elif action == "help":
            self.panel.show_keys()

    def open_image(self, image: Image, labels: NDArray[np.uint16] | None = None) -> bool:
        """Take an image layer into the session, with `labels` (z, y, x) where it has some.

        Tells whether it is the one that is open now.
        """
        self.workspace.act(lambda: self.workspace.open(image, labels))
        self._list_images()
        return self.workspace.image is image

    def adopt(self, layer: Layer) -> None:
        """Put a layer over the open image that follows it and has our keys and our mouse."""
        if self.workspace.layers is not None:
            self.workspace.layers.join(layer)
            self._keys.bind_layer(layer)

    def use_model(self, model_id: str) -> None:
        """Load an installed model and segment with it."""
        self._list_models()
        self.panel.segment.expect_model(model_id)
        self.session.set_loading("Loading the model…")
        self._arm()
        self._loader.start(model_id)

    def save(self) -> None:
        """Ask where to, and write the labels there."""
        volume = self.session.volume
        if volume is None:
            return
        folder = volume.source.parent if volume.source is not None else Path.home()
        suffix = ".png" if self.workspace.placement and self.workspace.placement.ndim == 2 else ".nii.gz"
        path = self._choose_path(folder / f"{volume.name}_labels{suffix}")
        if path is not None and self.workspace.act(lambda: self.session.save(path)):
            self.panel.segment.show_notice(f"Saved as {path.name}.")

    def show_error(self, error: MedkdError) -> None:
        """Show an error in the panel, and as a notification where the panel cannot be seen."""
        self.panel.segment.show_error(error)
        if not self.panel.segment.isVisible():
            notify(error)

    def shut(self) -> None:
        """Let go of the viewer: layers, keys, mouse, threads and the model. Calling twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self._settled.stop()
        for tab in self.tabs.values():
            tab.close()
        self._later.close()
        self._loader.close()
        self.dispatch.close()
        self._watch.disconnect()
        self._keys.restore()
        self.tools.disconnect()
        events = self.viewer.layers.events
        for emitter in (events.inserted, events.removed):
            emitter.disconnect(self._list_images)
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None
        if self._band is not None:
            self._band.deleteLater()
            self._band = None
        self.workspace.discard()
        self.workspace.disconnect()
        self._worker.close()
        if self.session.segmenter is not None:
            self.session.segmenter.close()

    # --- Qt -----------------------------------------------------------------------------------------------
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask about an uncommitted proposal before the window closes."""
        if event.type() == QEvent.Type.Close and not self._closed:
            if not self.workspace.close():
                event.ignore()
                return True
            self.shut()
        return bool(super().eventFilter(watched, event))

    def showEvent(self, event: QShowEvent) -> None:
        """Watch the window that we are docked in."""
        if self._window is not self.window() and self.window() is not self:
            self._window = self.window()
            self._window.installEventFilter(self)
            canvas = self._window.findChild(QOpenGLWidget)
            if canvas is not None and self._band is None:
                self._band = RubberBand(canvas)
                self.tools.draw_on(self._band)
        super().showEvent(event)

    def event(self, event: QEvent) -> bool:
        """Let go when the dock is closed: the viewer then takes this widget out of its parents."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and not self._closed:
            if self.workspace.close():
                self.shut()
            else:
                self.dispatch(self._dock_again)
        return bool(super().event(event))

    def _dock_again(self) -> None:
        self.viewer.window.add_dock_widget(self, name="Segment & correct", area="right")
        self.show()

    # --- inside -------------------------------------------------------------------------------------------
    def _build_panel(self, chosen: settings.Settings, asker: Asker | None) -> MedkdPanel:
        home = settings.home()
        folders = {name: home / name.lower() for name in ("Journals", "Embeddings", "Models")}
        folders["Settings"] = home
        segment = SegmentPanel(self.session, asker=asker)
        models = ModelsPanel(self.library, chosen, folders, asker=asker)
        panel = MedkdPanel(segment, models, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panel)
        self.setMinimumWidth(280)
        # napari fills a dock that does not ask for height with empty space below it.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        return panel

    def _connect(self) -> None:
        segment, models = self.panel.segment, self.panel.models
        segment.image_chosen.connect(self._on_image_chosen)
        segment.leading_chosen.connect(self._on_leading_chosen)
        segment.model_chosen.connect(self.use_model)
        segment.tool_chosen.connect(self.tools.activate)
        segment.brush_size_changed.connect(self._on_brush_size)
        segment.window_dragged.connect(self.workspace.window_dragged)
        segment.plane_requested.connect(self.workspace.show_plane)
        segment.save_requested.connect(self.save)
        segment.files_requested.connect(lambda: self.panel.show_tab("Models"))
        segment.action_requested.connect(self._on_action)
        models.model_chosen.connect(self.use_model)
        models.models_changed.connect(self._list_models)
        self._loader.progressed.connect(self.session.set_loading)
        self._loader.loaded.connect(self._on_loaded)
        self._loader.failed.connect(self.session.fail)
        self._preview.switched.connect(self._on_preview_switched)
        self.workspace.opened.connect(self._on_opened)
        self._settled.timeout.connect(self.workspace.take_window)
        events = self.viewer.layers.events
        events.inserted.connect(self._list_images)
        events.removed.connect(self._list_images)

    def _images(self) -> list[Image]:
        return [layer for layer in self.viewer.layers if isinstance(layer, Image)]

    def _list_images(self, event: Event | None = None) -> None:
        current = self.workspace.image.name if self.workspace.image is not None else None
        self.panel.segment.set_images([layer.name for layer in self._images()], current)

    def _list_models(self) -> None:
        self.panel.segment.set_models(self.library.cards())

    def _open_first(self) -> None:
        """Open the selected image, or the topmost one."""
        active = self.viewer.layers.selection.active
        images = self._images()
        if isinstance(active, Image):
            self.open_image(active)
        elif images:
            self.open_image(images[-1])

    def _on_image_chosen(self, name: str) -> None:
        if name in self.viewer.layers:
            self.open_image(self.viewer.layers[name])

    def _on_leading_chosen(self, leading: tuple[int, ...]) -> None:
        """Open the image at another time point or channel; the sliders go back where that was not wanted."""
        image = self.workspace.image
        if image is None:
            return
        go_to(self.viewer, image, leading)
        self.open_image(image)
        self._show_leading()

    def _show_leading(self) -> None:
        image, placement = self.workspace.image, self.workspace.placement
        axes = leading_axes(image, placement) if image is not None and placement is not None else ()
        self.panel.segment.set_leading(axes)
        if image is not None and axes:
            go_to(self.viewer, image, [axis.at for axis in axes])

    def _on_opened(self, layers: LayerSet | None) -> None:
        image = self.workspace.image
        self._list_images()
        self._show_leading()
        if layers is None or image is None:
            self._keys.bind_layers(())
            return
        self._keys.bind_layers((image, *layers.all))
        image.events.contrast_limits.connect(self._on_contrast)
        image.events.name.connect(self._list_images)
        layers.proposal.layer.brush_size = self.panel.segment.brush_size
        layers.proposal.layer.events.brush_size.connect(self._on_layer_brush)
        if self.tools.tool not in _PROMPTING:  # a brush has nothing to correct yet
            self.tools.tool = "move"
        self._arm()

    def _on_contrast(self) -> None:
        self._settled.start()

    def _on_loaded(self, segmenter: Segmenter) -> None:
        before = self.session.segmenter
        self.session.set_segmenter(segmenter)
        self._list_models()
        self.panel.models.set_current(segmenter.card.id)
        self.panel.segment.set_badge("Fallback" if segmenter.fallback else "", segmenter.fallback)
        self._arm()
        if before is not None and before is not segmenter:
            before.close()

    def _arm(self) -> None:
        """Keep the tool where the model understands it, else take the first that it does."""
        segment = self.panel.segment
        offered = segment.tools
        if self.tools.tool == "move" or self.tools.tool not in offered:
            segment.set_tool(next((tool for tool in _FIRST_TOOLS if tool in offered), "move"))
        self.tools.activate(segment.tool)

    def _on_action(self, action: str) -> None:
        if action in ("hover", "delete_object"):
            self.perform(action)

    def _on_brush_size(self, pixels: int) -> None:
        if self.workspace.layers is not None:
            self.workspace.layers.proposal.layer.brush_size = pixels

    def _on_layer_brush(self) -> None:
        if self.workspace.layers is not None:
            self.panel.segment.set_brush_size(int(self.workspace.layers.proposal.layer.brush_size))

    def _on_preview_switched(self, on: bool, why: str) -> None:
        self.panel.segment.show_notice(why or f"Hover preview {'on' if on else 'off'}.")

    def _ask_path(self, proposed: Path) -> Path | None:
        patterns = " ".join(f"*{suffix}" for suffix in writable_suffixes())
        chosen: tuple[str, Any] = QFileDialog.getSaveFileName(
            self, "Save the labels", str(proposed), f"Label images ({patterns})"
        )
        return Path(chosen[0]) if chosen[0] else None
