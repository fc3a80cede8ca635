"""One image layer and one session: the layers between them, and who follows whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import InvalidPrompt, MedkdError
from napari_medkd.session.counting import Counting
from napari_medkd.session.state import Pending, PendingProposal
from napari_medkd.viewer.afterwards import AtOnce
from napari_medkd.viewer.asking import Kept, ask_and_release, settle
from napari_medkd.viewer.image_source import display_window, take_image
from napari_medkd.viewer.layer_set import LayerSet
from napari_medkd.viewer.placement import displayed_plane
from napari_medkd.viewer.transforms import backwards, data_to_world, world_to_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.window import Window
    from napari_medkd.inference.segmenter import Prediction
    from napari_medkd.session.journal import Recovery
    from napari_medkd.session.session import Session
    from napari_medkd.viewer.afterwards import Later
    from napari_medkd.viewer.placement import Placement
    from napari_medkd.widgets.dialogs import Asker


class Workspace:
    """Opens an image layer in a session and keeps layers, slices and prompts of the two in step.

    It needs no window: a `ViewerModel` and a session with a `SyncWorker` are enough for tests.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers and sliders are followed.
    session : Session
        The state; it outlives every image.
    asker : Asker
        Who answers what cannot wait.
    on_error : callable
        Shows a MedkdError to the user.
    later : Later, optional
        When prompts are drawn; at once where None.
    """

    opened = Signal(object)  # LayerSet | None

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        asker: Asker,
        on_error: Callable[[MedkdError], None],
        later: Later | None = None,
    ) -> None:
        self.viewer = viewer
        self.session = session
        self.asker = asker
        self.on_error = on_error
        self.later = later or AtOnce()
        self.image: Image | None = None
        self.placement: Placement | None = None
        self.layers: LayerSet | None = None
        self._seen: set[str] = set()
        self._window: Window | None = None
        self._proposing = False
        viewer.dims.events.point.connect(self.follow_slice)
        viewer.dims.events.order.connect(self.follow_slice)
        viewer.dims.events.ndisplay.connect(self.follow_slice)
        viewer.scene.camera.events.zoom.connect(self._on_zoom)
        session.prompt_changed.connect(self._on_prompt)
        session.proposal_changed.connect(self._on_proposal)
        session.preview_changed.connect(self._on_preview)
        session.failed.connect(self._on_failed)
        session.labels_changed.connect(self._on_labels)
        session.classes_changed.connect(self._on_classes)
        session.volume_changed.connect(self._on_volume)

    # --- opening and closing ------------------------------------------------------------------------------
    def open(self, image: Image, labels: NDArray[np.uint16] | None = None) -> bool:
        """Take `image` into the session; False where the user would rather keep the current proposal.

        Parameters
        ----------
        image : Image
            A layer of the viewer.
        labels : ndarray (z, y, x) or None
            Labels that it has already; they are journalled like committed ones.

        Raises
        ------
        MedkdError
            Where it cannot be segmented; what was open stays open.
        """
        volume, placement = take_image(self.viewer, image)
        plane = self._first_plane(image, placement)
        try:
            recovery = settle(
                self.session, self.asker, lambda pending: self.session.open(volume, labels, pending)
            )
        except Kept:
            return False
        if recovery is not None:
            self._recover(recovery, volume.content_id in self._seen)
        self._seen.add(volume.content_id)
        self.image, self.placement, self._window = image, placement, volume.window
        self.session.counting = Counting(backwards(image))
        self.layers = LayerSet(self, image, placement, self.layers)
        self.session.set_plane(plane)
        self._show_all()
        self.layers.add()
        self.opened.emit(self.layers)
        for note in volume.notes:
            self.session.notified.emit(note)
        return True

    def close(self, keep_labels: bool = False) -> bool:
        """Let the image go and take our layers away; False where the user keeps the proposal.

        With `keep_labels`, labels that were not saved stay in the viewer as an ordinary layer.
        """
        try:
            settle(self.session, self.asker, lambda choice: self.session.close(choice))
        except Kept:
            return False
        self._drop_layers(keep_labels)
        self.opened.emit(None)
        return True

    def discard(self) -> None:
        """Let the image go without a question: the viewer is closing and was asked before."""
        if self.image is not None:
            self.session.close(Pending.DISCARD)
            self._drop_layers()

    def disconnect(self) -> None:
        """Stop following the viewer; called once, when the dock goes."""
        events = self.viewer.dims.events
        for emitter in (events.point, events.order, events.ndisplay):
            emitter.disconnect(self.follow_slice)
        self.viewer.scene.camera.events.zoom.disconnect(self._on_zoom)

    def _drop_layers(self, keep_labels: bool = False) -> None:
        layers, self.layers = self.layers, None
        self.image = self.placement = None
        if layers is not None:
            layers.remove(keep_labels)

    def _recover(self, recovery: Recovery, known: bool) -> None:
        """Take up the work that was found, unless the user would rather not."""
        try:
            if known or self.asker.ask_resume(recovery):
                self.session.resume(recovery)
            else:
                self.session.forget(recovery)
        except MedkdError:
            self._drop_layers()  # they belong to an image that is not open any more
            raise

    def _first_plane(self, image: Image, placement: Placement) -> Plane:
        try:
            return displayed_plane(self.viewer, image, placement)
        except InvalidPrompt:  # the slider stands outside this image, which is no reason to refuse it
            return Plane(0, 0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) of the open image."""
        volume = self.session.volume
        if volume is None:
            raise InvalidPrompt("No image is open.", "Drop an image into the viewer and select it.")
        return volume.shape

    def show_plane(self, plane: Plane) -> None:
        """Move the viewer's slider to a slice, turning the view to its axis where it shows another."""
        if self.image is None or self.placement is None:
            return
        dims, offset = self.viewer.dims, self.viewer.dims.ndim - self.image.ndim
        here = np.zeros(3)
        here[plane.axis] = plane.index
        place = np.array([*self.placement.leading, *self.placement.from_volume(here)], np.float64)
        world = data_to_world(self.viewer, self.image, place)
        axis = self.image.ndim - 3 + plane.axis
        if offset + axis in dims.displayed:
            order = [n for n in range(dims.ndim) if n != offset + axis]
            dims.order = (*order[:-2], offset + axis, *order[-2:])
        dims.set_point(offset + axis, float(world[axis]))

    # --- from the viewer ----------------------------------------------------------------------------------
    def plane(self) -> Plane:
        """Return the slice on the screen; a MedkdError says why there is none."""
        if self.image is None or self.placement is None or self.image not in self.viewer.layers:
            raise InvalidPrompt("No image is open.", "Drop an image into the viewer and select it.")
        return displayed_plane(self.viewer, self.image, self.placement)

    def locate(self, position: Sequence[float]) -> tuple[Plane, float, float]:
        """Take a world position of the mouse to (slice, row, column), which may lie outside the image."""
        plane = self.plane()
        assert self.image is not None and self.placement is not None
        data = world_to_data(self.viewer, self.image, position)
        row, column = plane.from_volume(self.placement.to_volume(data))
        return plane, float(row), float(column)

    def follow_slice(self) -> None:
        """Tell the session which slice is on the screen, where one is."""
        if self.image is None:
            return
        try:
            plane = self.plane()
        except MedkdError:
            return  # said where somebody clicks: a slider passing by needs no sentence
        if plane != self.session.plane:
            self.session.set_plane(plane)

    def prompt_on(self, plane: Plane) -> Prompt:
        """Return what was said about the current object on `plane`; an empty prompt where nothing was."""
        return self.session.prompt_on(plane)

    def propose(self, prompt: Prompt | None) -> bool:
        """Give the session a new prompt, asking and reporting what must be; tells whether it was taken."""
        self._proposing = True
        done = self.act(
            lambda: settle(
                self.session,
                self.asker,
                lambda pending: self.session.set_prompt(prompt, pending=pending),
                prompt.plane if prompt is not None else None,
            )
        )
        self._proposing = False
        shown = self.session.proposal
        if self.layers is not None and shown is not None and shown.prompt == self.session.prompt:
            self.layers.proposal.clear_hint()  # answered already, so no answer will take it away
        if not done and self.layers is not None:
            self.layers.prompts.forget()
            self.layers.prompts.show(self.session.prompt, now=True)
            self.layers.proposal.show(self.session.proposal)
        return done

    def act(self, action: Callable[[], object]) -> bool:
        """Do `action`; an error raised on purpose is shown. Tells whether it was done."""
        try:
            action()
        except Kept:
            return False
        except MedkdError as error:
            self.on_error(error)
            return False
        return True

    def prompts_edited(self) -> None:
        """Take over what the user changed in a prompt layer by napari's own tools."""
        layers = self.layers
        if layers is None:
            return

        def take() -> None:
            plane = self.plane()
            self.propose(layers.prompts.read(plane, self.session.prompt))

        self.act(take)

    def proposal_painted(self, indices: tuple[NDArray[np.intp], ...], painted: bool) -> None:
        """Take over a stroke in the proposal layer, (z, y, x) index arrays."""

        def take() -> None:
            plane = self.plane()
            assert self.session.volume is not None
            where = np.zeros(plane.shape(self.session.volume.shape), np.bool_)
            rows, columns = plane.in_plane
            here = indices[plane.axis] == plane.index
            where[indices[rows][here], indices[columns][here]] = True
            self.leave_other_slice(plane)
            self.session.paint(where, painted)

        self.act(take)
        if self.layers is not None:
            self.layers.proposal.show(self.session.proposal)

    def leave_other_slice(self, plane: Plane) -> None:
        """Ask what becomes of a proposal on another slice than `plane`; raises `Kept`."""
        prompt = self.session.prompt
        if prompt is not None and prompt.plane != plane and not self.session.is_same_object(plane):
            assert self.session.volume is not None
            number = self.session.counting.number(self.session.volume, prompt.plane)
            where = f"The proposal on slice {number} is not committed."
            ask_and_release(self.session, self.asker, PendingProposal(where), plane)

    def labels_painted(self, indices: tuple[NDArray[np.intp], ...], old: NDArray[np.uint16]) -> None:
        """Take over a stroke in the labels layer, already in the labels."""
        self.act(lambda: self.session.record_paint(indices, old))
        self._on_labels()

    def window_dragged(self, low: float, high: float) -> None:
        """Show the image through a window whose slider still moves."""
        if self.image is not None and not self.image.rgb:
            self.image.contrast_limits = (low, high)

    def take_window(self) -> None:
        """Let the model see what the user sees: the contrast limits of the layer become the window."""
        volume = self.session.volume
        if self.image is None or volume is None or self.image.rgb:
            return
        shown = display_window(self.image)
        if (shown.low, shown.high) != (volume.window.low, volume.window.high):
            self.act(lambda: self.session.set_window(shown))

    # --- from the session ---------------------------------------------------------------------------------
    def _show_all(self) -> None:
        self._on_prompt(self.session.prompt)
        self._on_proposal()
        self._on_classes()
        self._on_volume()

    def _on_prompt(self, prompt: Prompt | None) -> None:
        if self.layers is not None:
            self.layers.prompts.show(prompt)

    def _on_proposal(self) -> None:
        waiting = self._proposing and self.session.proposal is None
        if self.layers is not None and not waiting:
            self.layers.proposal.show(self.session.proposal)
            self.later.soon()

    def _on_preview(self, preview: Prediction | None) -> None:
        # The outline of a preview stays until the answer to the prompt that came of it: nothing flickers.
        if self.layers is None or (preview is None and self._proposing):
            return
        if preview is None or not preview.masks:
            self.layers.proposal.clear_hint()
        else:
            self.layers.proposal.show_hint(preview.prompt.plane, preview.masks[0])

    def _on_failed(self) -> None:
        if self.layers is not None:
            self.layers.proposal.clear_hint()
            self.later.soon()

    def _on_labels(self) -> None:
        if self.layers is not None:
            self.layers.result.refresh()

    def _on_classes(self) -> None:
        if self.layers is not None:
            active = self.session.active_class
            self.layers.result.set_classes(self.session.classes, active.value)
            self.layers.proposal.set_colour(active.colour)

    def _on_volume(self) -> None:
        volume = self.session.volume
        if self.image is None or volume is None or self.image.rgb or volume.window == self._window:
            return
        self._window = volume.window
        self.image.contrast_limits = (volume.window.low, volume.window.high)

    def _on_zoom(self) -> None:
        if self.layers is not None:
            self.layers.follow_zoom()
