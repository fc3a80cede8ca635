"""Suggestions on the image: outlines in the colours that say how sure the model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_medkd.viewer.transforms import transform_of
from napari_medkd.widgets.drawing import AMBER, GREEN, RED
from napari_medkd.widgets.suggestion_rows import colour_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.suggestion import Key, Part, Suggestion
    from napari_medkd.viewer.placement import Placement

SUFFIX = " – suggestions"
_SHADES = (GREEN, AMBER, RED)
CHOSEN = (
    2 * len(_SHADES) + 1
)  # value of its inside; an odd value is an inside, the next one the edge around it
_CHOSEN_COLOUR = "#00d5ff"  # cyan: neither tissue nor any of the shades
_ALPHA = "26"  # 15 %: the image must be readable under a hundred of them, and under the one that is judged


class SuggestionLayer:
    """Draws the suggestions of the slice on the screen, and of no other.

    Parameters
    ----------
    image : Image
        The layer that they lie over.
    placement : Placement
        How its axes sit in the volume.
    shape : tuple of int
        (z, y, x) of the volume.
    pixel : callable
        Returns the size of a screen pixel in data pixels, for the width of outlines.
    """

    def __init__(
        self, image: Image, placement: Placement, shape: tuple[int, int, int], pixel: Callable[[], float]
    ) -> None:
        self._pixel = pixel
        self._width = 0
        self._array = np.zeros(shape, np.uint8)  # the system gives memory only to slices that are drawn on
        self._drawn: _Drawn | None = None
        self._chosen: Key | None = None
        self.layer = Labels(
            placement.view(self._array),
            name=f"{image.name}{SUFFIX}",
            opacity=1.0,
            **transform_of(image, placement.ndim),
        )
        self.layer.events.thumbnail.block()  # it would cost more than the drawing
        self.layer.editable = False
        self.layer.colormap = DirectLabelColormap(color_dict=_colours())

    def show(self, plane: Plane | None, suggestions: Iterable[Suggestion], chosen: Suggestion | None) -> None:
        """Draw the parts that lie on `plane`; the chosen one stands out."""
        if self._drawn is not None:
            self._drawn.pixels[...] = 0
            self._drawn = None
        if plane is not None:
            parts = [(one.key, one.score, part) for one in suggestions if (part := one.on(plane)) is not None]
            self._draw(plane, sorted(parts, key=lambda one: -one[2].pixels))  # small ones over large ones
        self.choose(chosen)

    def choose(self, chosen: Suggestion | None) -> None:
        """Have another suggestion stand out; only what changes by it is drawn."""
        drawn = self._drawn
        if drawn is not None:
            drawn.colour(self._chosen)
            self._chosen = chosen.key if chosen is not None else None
            drawn.colour(self._chosen, CHOSEN)
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    @property
    def is_outgrown(self) -> bool:
        """Whether the edges would be drawn with another width now, as after a zoom."""
        return self._drawn is not None and self._width != self._edge

    @property
    def _edge(self) -> int:
        return max(1, round(1.5 * self._pixel()))

    def _draw(self, plane: Plane, parts: list[tuple[Key, float, Part]]) -> None:
        """Number the pixels of each object, then colour numbers and the edges between them at once."""
        if not parts:
            return
        windows = [part.piece.window for *_, part in parts]
        rows, columns = (
            slice(min(one[axis].start for one in windows), max(one[axis].stop for one in windows))
            for axis in (0, 1)
        )
        numbers = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint16)
        places: dict[Key, tuple[int, tuple[slice, slice]]] = {}
        shades = np.zeros(len(parts) + 1, np.uint8)
        for number, (key, score, part) in enumerate(parts, start=1):
            down, across = part.piece.window
            place = (
                slice(down.start - rows.start, down.stop - rows.start),
                slice(across.start - columns.start, across.stop - columns.start),
            )
            numbers[place][part.piece.pixels] = number
            shades[number] = 1 + 2 * _SHADES.index(colour_of(score))
            places[key] = number, place
        self._width = self._edge
        edges = _edges(numbers, self._width)
        pixels = self._array[plane.slicing()][rows, columns]
        np.add(shades[numbers], edges, out=pixels)
        self._drawn = _Drawn(pixels, numbers, edges, shades, places)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """What is drawn: a view of the layer's pixels, whose they are, and where each suggestion lies."""

    pixels: NDArray[np.uint8]
    numbers: NDArray[np.uint16]
    edges: NDArray[np.bool_]
    shades: NDArray[np.uint8]
    places: dict[Key, tuple[int, tuple[slice, slice]]]

    def colour(self, key: Key | None, shade: int | None = None) -> None:
        """Colour one suggestion in a shade, or in its own."""
        if key is None or key not in self.places:
            return
        number, place = self.places[key]
        mine = self.numbers[place] == number
        colours = np.uint8(self.shades[number] if shade is None else shade) + self.edges[place]
        self.pixels[place][mine] = colours[mine]


def _edges(numbers: NDArray[np.uint16], width: int) -> NDArray[np.bool_]:
    """Tell which pixels of objects are at most `width` from another object or from none."""
    edges = np.zeros(numbers.shape, np.bool_)
    for across, edge in ((numbers, edges), (numbers.T, edges.T)):
        differs = across[width:] != across[:-width]
        edge[width:] |= differs
        edge[:-width] |= differs
        edge[:width] = edge[-width:] = True  # the slice ends there, or no object reaches so far
    edges &= numbers > 0
    return edges


def _colours() -> dict[int | None, Any]:
    colours: dict[int | None, Any] = {None: "#00000000", 0: "#00000000"}
    for place, shade in enumerate(_SHADES):
        colours |= {1 + 2 * place: shade + _ALPHA, 2 + 2 * place: shade}
    return colours | {CHOSEN: _CHOSEN_COLOUR + _ALPHA, CHOSEN + 1: _CHOSEN_COLOUR}
