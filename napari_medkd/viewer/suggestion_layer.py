"""Suggestions on the image: outlines in the colours that say how sure the model is."""

from __future__ import annotations

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
    from napari_medkd.session.suggestion import Part, Suggestion
    from napari_medkd.viewer.placement import Placement

SUFFIX = " – suggestions"
_SHADES = (GREEN, AMBER, RED)
CHOSEN = (
    2 * len(_SHADES) + 1
)  # value of its inside; an odd value is an inside, the next one the edge around it
_CHOSEN_COLOUR = "#ffffff"
_ALPHA = "26"  # 15 %: a hundred of them lie on the image at once
_CHOSEN_ALPHA = "59"


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
        self._drawn: tuple[int | slice, ...] | None = None
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
        """Draw the parts that lie on `plane`, the chosen one on top."""
        if self._drawn is not None:
            self._array[self._drawn] = 0
            self._drawn = None
        if plane is not None:
            parts = [(one, part) for one in suggestions if (part := one.on(plane)) is not None]
            self._draw(plane, parts, chosen)
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    @property
    def is_outgrown(self) -> bool:
        """Whether the edges would be drawn with another width now, as after a zoom."""
        return self._width not in (0, self._edge)

    @property
    def _edge(self) -> int:
        return max(1, round(1.5 * self._pixel()))

    def _draw(self, plane: Plane, parts: list[tuple[Suggestion, Part]], chosen: Suggestion | None) -> None:
        """Number the pixels of each object, then colour numbers and the edges between them at once."""
        if not parts:
            return
        parts.sort(key=lambda pair: (pair[0] is chosen, -pair[1].piece.count))  # small ones over large ones
        rows = slice(*_reach(parts, 0))
        columns = slice(*_reach(parts, 1))
        numbers = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.int32)
        values = np.zeros(len(parts) + 1, np.uint8)
        for number, (one, part) in enumerate(parts, start=1):
            down, across = part.piece.window
            place = (
                slice(down.start - rows.start, down.stop - rows.start),
                slice(across.start - columns.start, across.stop - columns.start),
            )
            numbers[place][part.piece.pixels] = number
            values[number] = CHOSEN if one is chosen else 1 + 2 * _SHADES.index(colour_of(one.score))
        drawn = values[numbers]
        self._width = self._edge
        drawn[_edges(numbers, self._width)] += 1
        where: list[int | slice] = list(plane.slicing())
        first, second = plane.in_plane
        where[first], where[second] = rows, columns
        self._drawn = tuple(where)
        self._array[self._drawn] = drawn


def _edges(numbers: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
    """Tell which pixels of objects are at most `width` from another object or from none."""
    edges = np.zeros(numbers.shape, np.bool_)
    for axis in (0, 1):
        inner, outer = numbers, np.pad(numbers, [(width, width) if n == axis else (0, 0) for n in (0, 1)])
        before = outer[: numbers.shape[0]] if axis == 0 else outer[:, : numbers.shape[1]]
        after = outer[2 * width :] if axis == 0 else outer[:, 2 * width :]
        edges |= (inner != before) | (inner != after)
    return edges & (numbers > 0)


def _reach(parts: list[tuple[Suggestion, Part]], axis: int) -> tuple[int, int]:
    windows = [part.piece.window[axis] for _, part in parts]
    return min(one.start for one in windows), max(one.stop for one in windows)


def _colours() -> dict[int | None, Any]:
    colours: dict[int | None, Any] = {None: "#00000000", 0: "#00000000"}
    for place, shade in enumerate(_SHADES):
        colours |= {1 + 2 * place: shade + _ALPHA, 2 + 2 * place: shade}
    return colours | {CHOSEN: _CHOSEN_COLOUR + _CHOSEN_ALPHA, CHOSEN + 1: _CHOSEN_COLOUR}
