"""The current prompt as layers: points, a box or lasso, scribbles; edits made in them become the prompt."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points, Shapes

from napari_medkd.core.prompts import Box, Point, Prompt, Stroke
from napari_medkd.viewer.transforms import transform_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari.layers import Image, Layer
    from napari.utils.events import Event
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.viewer.afterwards import Later
    from napari_medkd.viewer.placement import Placement

# Green and red that differ in lightness too, and in symbol: one user in twelve cannot tell them by hue.
INSIDE, OUTSIDE, BOX = "#3ddc84", "#ff4d5e", "#ffd166"
LINE = 2.0  # screen pixels
_DRAWN = ("points", "box", "lasso", "scribbles")  # the parts of a prompt that a layer shows
_SETTLED = {"added", "removed", "changed"}


class PromptLayers:
    """Three layers that show one prompt.

    Parameters
    ----------
    image : Image
        The layer that they lie over and are named after.
    placement : Placement
        How its axes sit in the volume.
    on_edit : callable
        Called after the user changed one of them; `read` then says what stands there.
    pixel : callable
        Returns the size of a screen pixel in data pixels, for the width of lines.
    later : Later
        When a new prompt is drawn: a layer of shapes takes longer to draw than a mask, which goes first.
    layers : sequence of Layer, optional
        Scribbles, boxes and points that served another image before, empty.
    """

    def __init__(
        self,
        image: Image,
        placement: Placement,
        on_edit: Callable[[], None],
        pixel: Callable[[], float],
        later: Later,
        layers: Sequence[Layer] = (),
    ) -> None:
        self._placement = placement
        self._on_edit = on_edit
        self._pixel = pixel
        self._quiet = False
        self._later = later
        self._shown: Prompt | None = None
        self._wanted: Prompt | None = None
        self._when_drawn: list[Callable[[], None]] = []
        self._looks: dict[Layer, tuple[object, ...]] = {}  # width, then kind and colour of each shape
        self.scribble, self.boxes, self.points = layers or _new(image, placement)
        for layer, kind in zip(self.layers, ("scribble", "boxes", "points"), strict=True):
            layer.name = f"{image.name} – {kind}"
            layer.events.data.connect(self._on_data)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """From the lowest to the highest."""
        return self.scribble, self.boxes, self.points

    def detach(self) -> None:
        """Leave the layers, empty, to whoever wants them."""
        self.forget()
        for layer in self.layers:
            layer.mode = "pan_zoom"
            layer.events.data.disconnect(self._on_data)

    def show(self, prompt: Prompt | None, now: bool = False) -> None:
        """Show `prompt`, redrawing only the layers that differ from it; with `now` before this returns."""
        self._wanted = prompt
        if now:
            self._draw()
        elif any(_part(self._shown, name) != _part(prompt, name) for name in _DRAWN):
            self._later(self._draw)

    def when_drawn(self, action: Callable[[], None]) -> None:
        """Do `action` once the prompt that was shown last is drawn: at once where it is."""
        self._when_drawn.append(action)
        if all(_part(self._shown, name) == _part(self._wanted, name) for name in _DRAWN):
            self._draw()

    def _draw(self) -> None:
        before, self._shown = self._shown, self._wanted
        prompt = self._shown
        with self._silence():
            if _part(before, "points") != _part(prompt, "points"):
                self._draw_points(prompt)
            if any(_part(before, name) != _part(prompt, name) for name in ("box", "lasso")):
                self._draw_boxes(prompt)
            if _part(before, "scribbles") != _part(prompt, "scribbles"):
                self._draw_scribbles(prompt)
        done, self._when_drawn = self._when_drawn, []
        for action in done:
            action()

    def read(self, plane: Plane, current: Prompt | None) -> Prompt:
        """Return what the layers say on `plane`; the hand-made edits of `current` are kept."""
        kept = current if current is not None and current.plane == plane else Prompt(plane)
        boxes = self._on_plane(self.boxes, plane)
        rectangles = [path for path, kind in boxes if kind == "rectangle"]
        polygons = [path for path, kind in boxes if kind in ("polygon", "path", "ellipse")]
        return replace(
            kept,
            points=self._read_points(plane),
            box=Box.between(rectangles[-1].min(axis=0), rectangles[-1].max(axis=0)) if rectangles else None,
            lasso=Stroke(_steps(polygons[-1])) if polygons else None,
            scribbles=tuple(
                Stroke(_steps(path), sign)
                for (path, _), sign in zip(
                    self._on_plane(self.scribble, plane), self._signs(self.scribble, plane), strict=True
                )
            ),
        )

    def forget(self) -> None:
        """Draw everything at the next `show`: the layers hold what the session refused."""
        self._shown = self._wanted = None
        with self._silence():
            self._draw_points(None)
            self._draw_boxes(None)
            self._draw_scribbles(None)

    def _draw_points(self, prompt: Prompt | None) -> None:
        points = prompt.points if prompt is not None else ()
        places = np.array([(p.row, p.column) for p in points], dtype=np.float64).reshape(-1, 2)
        if self.points.selected_data:
            self.points.selected_data = set()
        if prompt is not None and len(points):
            self.points.data = self._placed(prompt.plane, places)
        else:
            self.points.data = np.zeros((0, self._placement.ndim))
            return
        self.points.features = {"sign": ["positive" if p.positive else "negative" for p in points]}
        self.points.symbol = ["disc" if p.positive else "x" for p in points]
        self.points.face_color = [INSIDE if p.positive else OUTSIDE for p in points]

    def _draw_boxes(self, prompt: Prompt | None) -> None:
        shapes = []
        if prompt is not None and prompt.box is not None:
            shapes.append((self._placed(prompt.plane, _corners(prompt.box)), "rectangle", BOX))
        if prompt is not None and prompt.lasso is not None:
            path = self._placed(prompt.plane, np.array(prompt.lasso.path))
            shapes.append((path, "polygon", BOX))
        self._set_shapes(self.boxes, shapes)

    def _draw_scribbles(self, prompt: Prompt | None) -> None:
        self._set_shapes(self.scribble, self._strokes(prompt))

    def _strokes(self, prompt: Prompt | None) -> list[tuple[NDArray[np.float64], str, str]]:
        if prompt is None:
            return []
        return [
            (self._placed(prompt.plane, np.array(s.path)), "path", INSIDE if s.positive else OUTSIDE)
            for s in prompt.scribbles
        ]

    def _set_shapes(self, layer: Shapes, shapes: list[tuple[NDArray[np.float64], str, str]]) -> None:
        if not shapes and not layer.nshapes:
            return
        if layer.selected_data:
            layer.selected_data = set()
        layer.data = [(path, kind) for path, kind, _ in shapes]
        look = (LINE * self._pixel(), *((kind, colour) for _, kind, colour in shapes))
        before, self._looks[layer] = self._looks.get(layer), look
        # Each of these draws the layer anew; while a box is dragged its look stays as it is.
        if shapes and look != before:
            layer.edge_color = [colour for *_, colour in shapes]
            layer.face_color = "transparent"
            layer.edge_width = look[0]
            layer.features = {"sign": ["negative" if c == OUTSIDE else "positive" for *_, c in shapes]}

    def _placed(self, plane: Plane, path: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._placement.from_volume(plane.to_volume(path))

    def _on_plane(self, layer: Shapes, plane: Plane) -> list[tuple[NDArray[np.float64], str]]:
        """Return (row, column) paths and kinds of the shapes on `plane`."""
        return [
            (plane.from_volume(self._volume(path)), str(kind))
            for path, kind in zip(layer.data, layer.shape_type, strict=True)
            if self._lies_on(path, plane)
        ]

    def _signs(self, layer: Shapes, plane: Plane) -> list[bool]:
        signs = list(layer.features["sign"]) if "sign" in layer.features else ["positive"] * layer.nshapes
        return [
            s != "negative" for s, path in zip(signs, layer.data, strict=True) if self._lies_on(path, plane)
        ]

    def _read_points(self, plane: Plane) -> tuple[Point, ...]:
        signs = list(self.points.features["sign"])
        places = plane.from_volume(self._volume(self.points.data))
        return tuple(
            Point(float(row), float(column), sign != "negative")
            for (row, column), sign, place in zip(places, signs, self.points.data, strict=True)
            if self._lies_on(place[np.newaxis], plane)
        )

    def _volume(self, path: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.insert(path, [0] * (3 - self._placement.ndim), 0.0, axis=-1)

    def _lies_on(self, path: NDArray[np.float64], plane: Plane) -> bool:
        return bool((np.abs(self._volume(path)[:, plane.axis] - plane.index) <= 0.5).all())

    def _on_data(self, event: Event) -> None:
        if not self._quiet and str(getattr(event, "action", "changed")) in _SETTLED:
            self._shown = self._wanted = None  # what stands in the layers is no longer what we drew
            self._looks.clear()
            self._on_edit()

    @contextmanager
    def _silence(self) -> Iterator[None]:
        self._quiet, before = True, self._quiet
        try:
            yield
        finally:
            self._quiet = before


def _new(image: Image, placement: Placement) -> tuple[Shapes, Shapes, Points]:
    """Return empty layers for scribbles, boxes and points over `image`."""
    common: dict[str, Any] = {"ndim": placement.ndim, **transform_of(image, placement.ndim)}
    scribble = Shapes(opacity=0.8, **_outline(INSIDE), **common)
    boxes = Shapes(opacity=1.0, **_outline(BOX), **common)
    points = Points(
        features={"sign": np.array([], dtype=object)},
        feature_defaults={"sign": "positive"},
        face_color=INSIDE,
        border_color="white",
        size=8,
        canvas_size_limits=(11, 16),
        **common,
    )
    for layer in (scribble, boxes, points):
        # Nobody looks at the thumbnail of a box, and each new one draws the whole layer list again.
        layer.events.thumbnail.block()
    return scribble, boxes, points


def _outline(colour: str) -> dict[str, Any]:
    return {"edge_color": colour, "face_color": "transparent"}


def _corners(box: Box) -> NDArray[np.float64]:
    top, left, bottom, right = box.top, box.left, box.bottom, box.right
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


def _steps(path: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((float(row), float(column)) for row, column in path)


def _part(prompt: Prompt | None, name: str) -> Any:
    """Return a part of a prompt with the slice that it is on; None where it is empty."""
    value = getattr(prompt, name, None)
    return (prompt.plane, value) if prompt is not None and value else None
