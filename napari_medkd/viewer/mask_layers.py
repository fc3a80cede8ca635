"""The proposal and the result as Labels layers; strokes made in them go to the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from scipy import ndimage

from napari_medkd.viewer.image_source import METADATA_KEY, NAMES_KEY
from napari_medkd.viewer.strokes import StrokeListener
from napari_medkd.viewer.transforms import transform_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image
    from napari.utils.events import Event
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.session.stack import Section
    from napari_medkd.session.state import LabelClass, Proposal
    from napari_medkd.viewer.placement import Placement

INSIDE, EDGE, HINT = 1, 2, 3  # values in the proposal layer
_HINT_COLOUR = "#ffffffb0"
_INSIDE_ALPHA = "40"  # 25 %: the tissue under a proposal must stay readable


class ProposalLayer:
    """The current object: a translucent inside with a solid edge, and the faint outline of a preview.

    Parameters
    ----------
    image : Image
        The layer that it lies over.
    placement : Placement
        How its axes sit in the volume.
    shape : tuple of int
        (z, y, x) of the volume.
    on_paint : callable
        Called with (plane axis indices of the stroke as a (z, y, x) tuple of arrays, painted or erased).
    pixel : callable
        Returns the size of a screen pixel in data pixels, for the width of outlines.
    layer : Labels, optional
        One that served another image before.
    """

    def __init__(
        self,
        image: Image,
        placement: Placement,
        shape: tuple[int, int, int],
        on_paint: Callable[[tuple[NDArray[np.intp], ...], bool], None],
        pixel: Callable[[], float],
        layer: Labels | None = None,
    ) -> None:
        self._on_paint = on_paint
        self._pixel = pixel
        self._array = np.zeros(shape, np.uint8)  # the system gives memory only to slices that are drawn on
        self._drawn: list[tuple[slice | int, ...]] = []
        self._stacked: dict[Plane, tuple[Section, tuple[slice | int, ...] | None]] = {}
        self._proposal: Proposal | None = None
        self._hint: tuple[Plane, NDArray[np.bool_]] | None = None
        self._hinted: set[Plane] = set()  # slices where the outline of a preview is drawn
        shown, name = placement.view(self._array), f"{image.name} – proposal"
        if layer is None:
            layer = Labels(shown, name=name, opacity=1.0, **transform_of(image, placement.ndim))
            layer.events.thumbnail.block()  # it would cost more than the mask
            layer.n_edit_dimensions = 2
            layer.brush_size = 10
            layer.selected_label = INSIDE
        else:
            _refill(layer, shown, name)
        self.layer = layer
        self._strokes = StrokeListener(self.layer, self._on_stroke)

    def detach(self) -> None:
        """Let go of the layer: strokes in it are told of no more."""
        self._strokes.disconnect()

    def set_colour(self, colour: str) -> None:
        """Draw the proposal in the colour (#rrggbb) of the class that it would go to."""
        colours = {
            None: "#00000000",
            0: "#00000000",
            INSIDE: colour + _INSIDE_ALPHA,
            EDGE: colour,
            HINT: _HINT_COLOUR,
        }
        self.layer.colormap = DirectLabelColormap(color_dict=colours)

    def show(self, proposal: Proposal | None) -> None:
        """Show `proposal` in place of what was shown."""
        self._proposal = proposal
        self._hint = None
        self._draw()

    def show_hint(self, plane: Plane | None, mask: NDArray[np.bool_] | None) -> None:
        """Outline what a prompt would give; None for nothing."""
        if mask is None and self._hint is None:
            return
        self._hint = None if plane is None or mask is None else (plane, mask)
        self._draw()

    def clear_hint(self) -> None:
        """Take the outline away."""
        self.show_hint(None, None)

    def redraw(self) -> None:
        """Draw again: the width of the edge follows the zoom."""
        if self._proposal is not None or self._hint is not None:
            self._draw()

    def _draw(self) -> None:
        if self._proposal is None and self._hint is None and not self._drawn and not self._stacked:
            return
        width = max(1, round(1.5 * self._pixel()))
        for where in self._drawn:
            self._array[where] = 0
        self._drawn = []
        self._draw_stack(width)
        parts: list[tuple[Plane, NDArray[np.bool_], int]] = []
        if self._proposal is not None:
            parts.append((self._proposal.plane, self._proposal.mask, EDGE))
        if self._hint is not None:
            parts.append((*self._hint, HINT))
        for plane, mask, edge in parts:
            painted = self._paint(plane, mask, edge, width)
            self._drawn += [painted] if painted is not None else []
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _draw_stack(self, width: int) -> None:
        """Draw the other slices of an object of the volume: only those that came, went or changed."""
        stack = self._proposal.stack if self._proposal is not None else None
        wanted = {stack.plane(n): one for n, one in stack.sections.items()} if stack is not None else {}
        hinted = {self._hint[0]} if self._hint is not None else set()
        for plane, (section, where) in list(self._stacked.items()):
            if wanted.get(plane) is not section or plane in hinted | self._hinted:
                del self._stacked[plane]
                if where is not None:
                    self._array[where] = 0
        self._hinted = hinted
        for plane, section in wanted.items():
            if plane not in self._stacked:
                self._stacked[plane] = section, self._paint(plane, section.mask.unpack(), EDGE, width)

    def _paint(
        self, plane: Plane, mask: NDArray[np.bool_], edge: int, width: int
    ) -> tuple[slice | int, ...] | None:
        """Write one mask into its slice; only its bounding box, which is returned, is touched."""
        box = bounding_box(mask)
        if box is None:
            return None
        region = self._array[plane.slicing()][box]
        inside = mask[box]
        outline = inside & ~ndimage.binary_erosion(inside, iterations=width)
        if edge == EDGE:
            region[inside] = INSIDE
        region[outline] = edge
        where = list(plane.slicing())
        rows, columns = plane.in_plane
        where[rows], where[columns] = box
        return tuple(where)

    def _on_stroke(self, indices: tuple[NDArray[np.intp], ...], old: NDArray[Any]) -> None:
        indices = (np.zeros_like(indices[0]),) * (3 - len(indices)) + tuple(indices)
        painted = bool(np.any(self._array[indices] != 0))
        self._array[indices] = old  # the session decides what becomes of it, and we draw that
        self._on_paint(indices, painted)


class ResultLayer:
    """The session's labels themselves, in the colours of its classes.

    Parameters
    ----------
    image, placement
        As for `ProposalLayer`.
    volume : Volume
        The image, whose geometry a saved file takes.
    labels : ndarray (z, y, x) uint16
        Shared with the session.
    on_paint : callable
        Called with ((z, y, x) index arrays, old values) after a stroke, which is already in `labels`.
    layer : Labels, optional
        One that served another image before.
    """

    def __init__(
        self,
        image: Image,
        placement: Placement,
        volume: Volume,
        labels: NDArray[np.uint16],
        on_paint: Callable[[tuple[NDArray[np.intp], ...], NDArray[np.uint16]], None],
        layer: Labels | None = None,
    ) -> None:
        self._labels = labels
        self._placement = placement
        self._on_paint = on_paint
        shown, name = placement.view(labels), f"{image.name} – labels"
        if layer is None:
            layer = Labels(shown, name=name, opacity=0.4, **transform_of(image, placement.ndim))
            layer.n_edit_dimensions = 2
        else:
            _refill(layer, shown, name)
        layer.metadata = {METADATA_KEY: volume}
        self.layer = layer
        self._strokes = StrokeListener(self.layer, self._report)
        self.layer.events.data.connect(self._on_replaced)

    def set_classes(self, classes: Sequence[LabelClass], active: int) -> None:
        """Take the classes' colours; values of no class are grey. The brush paints the active class."""
        colours: dict[int | None, Any] = {None: "#9e9e9e", 0: "#00000000"}
        colours.update({one.value: one.colour for one in classes})
        self.layer.colormap = DirectLabelColormap(color_dict=colours)
        self.layer.selected_label = active
        self.layer.metadata[NAMES_KEY] = {one.value: one.name for one in classes}

    def refresh(self) -> None:
        """Show what the session changed in place."""
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def detach(self) -> None:
        """Leave the layer to the user: the session is told of it no more."""
        self._strokes.disconnect()
        self.layer.events.data.disconnect(self._on_replaced)

    def _on_replaced(self, event: Event) -> None:
        """Take over an array that was put in the place of ours, and put ours back with its values."""
        data = self.layer.data
        ours = self._placement.view(self._labels)
        if np.shares_memory(data, ours):
            return
        new = np.asarray(data)
        if new.shape == ours.shape:
            indices = np.nonzero(new != ours)
            old = ours[indices]
            ours[indices] = new[indices]
            self.layer.data = ours
            if old.size:
                self._report(indices, old)
        else:
            self.layer.data = ours

    def _report(self, indices: Sequence[NDArray[np.intp]], old: NDArray[Any]) -> None:
        volume = (np.zeros_like(indices[0]),) * (3 - len(indices)) + tuple(indices)
        self._on_paint(volume, old.astype(self._labels.dtype))


def _refill(layer: Labels, data: NDArray[Any], name: str) -> None:
    """Let a layer show other data of as many axes, and forget the strokes that were made in the old."""
    layer.mode = "pan_zoom"
    layer.data = data
    layer.name = name
    layer.editable = False  # napari drops a layer's own history here, and by no other public way
    layer.editable = True


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the (rows, columns) slices of the true part of `mask`; None where nothing is true."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
