"""What a click and a drag do: each gesture is a generator that lives from press to release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.prompts import Box, Point, Stroke
from napari_medkd.errors import InvalidPrompt, MedkdError
from napari_medkd.viewer.asking import settle
from napari_medkd.viewer.prompt_layers import BOX, INSIDE, OUTSIDE
from napari_medkd.viewer.rubber_band import NoBand

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.viewer.preview import Preview
    from napari_medkd.viewer.rubber_band import Band
    from napari_medkd.viewer.workspace import Workspace

    Path = NDArray[np.float64]  # (n, 2)

LEFT, RIGHT = 1, 2
_STILL = 5.0  # screen pixels: a click may tremble this much
_GRASP = 9.0  # screen pixels around a point within which it is taken hold of


class Gestures:
    """The gestures on one workspace; each takes the viewer's mouse event, which changes as the mouse moves.

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
        self.band: Band = NoBand()

    def point(self, event: Any) -> Generator[None, None, None]:
        """Add a point (right button or Alt: outside), or take hold of one that is there and move it."""
        grasped = self._point_at(event.position) if event.button == LEFT else None
        if grasped is not None:
            yield from self._move_point(event, grasped)
            return
        positive = event.button == LEFT and "Alt" not in event.modifiers
        start, position, moved = np.array(event.pos), event.position, False
        self._foresee(position, positive)
        yield
        while event.type == "mouse_move":
            moved = moved or bool(np.linalg.norm(np.array(event.pos) - start) >= _STILL)
            event.handled = not moved  # beyond a tremble it is a pan, or a zoom with the right button
            yield
        if not moved:
            self._workspace.act(lambda: self._workspace.propose(self._with_point(position, positive)))

    def _foresee(self, position: Any, positive: bool) -> None:
        """Let the model begin while the finger is still on the button: that takes as long as an answer."""
        try:
            self._workspace.session.foresee(self._with_point(position, positive))
        except MedkdError:
            return  # what is wrong is said when the button is let go

    def _with_point(self, position: Any, positive: bool) -> Prompt:
        plane, row, column = self._workspace.locate(position)
        return self._workspace.prompt_on(plane).with_point(Point(row, column, positive))

    def _move_point(self, event: Any, index: int) -> Generator[None, None, None]:
        workspace = self._workspace
        layers, prompt = workspace.layers, workspace.session.prompt
        assert layers is not None and prompt is not None
        layers.prompts.show(prompt, now=True)  # a point that was set a moment ago may wait to be drawn
        layers.prompts.points.selected_data = {index}
        event.handled = True
        changed = prompt
        yield
        while event.type == "mouse_move":
            _, row, column = workspace.locate(event.position)
            points = list(prompt.points)
            points[index] = replace(points[index], row=row, column=column)
            changed = replace(prompt, points=tuple(points))
            layers.prompts.show(changed, now=True)
            self._preview.drag(changed)
            event.handled = True
            yield
        self._preview.clear()
        if changed is not prompt:
            workspace.propose(changed)
        layers.prompts.points.selected_data = {index} if index < len(layers.prompts.points.data) else set()

    def box(self, event: Any) -> Generator[None, None, None]:
        """Drag the box of the object, with a live preview."""

        def preview(plane: Plane, path: Path) -> None:
            box = self._clipped(plane, Box.between(path[0], path[-1]))
            if min(box.bottom - box.top, box.right - box.left) >= 1:
                self._preview.drag(self._workspace.prompt_on(plane).with_box(box))

        drag = yield from self._drag(event, BOX, preview)
        if drag is None:
            return
        plane, path = drag
        box = self._clipped(plane, Box.between(path[0], path[-1]))
        self._propose(self._workspace.prompt_on(plane).with_box(box))

    def scribble(self, event: Any) -> Generator[None, None, None]:
        """Draw a line through the object (right button or Alt: through what is not)."""
        positive = event.button == LEFT and "Alt" not in event.modifiers
        drag = yield from self._drag(event, INSIDE if positive else OUTSIDE)
        if drag is not None:
            plane, path = drag
            prompt = self._workspace.prompt_on(plane)
            strokes = (*prompt.scribbles, Stroke(_steps(path), positive))
            self._propose(replace(prompt, scribbles=strokes))

    def lasso(self, event: Any) -> Generator[None, None, None]:
        """Draw an outline around the object."""
        drag = yield from self._drag(event, BOX)
        if drag is not None:
            plane, path = drag
            self._propose(replace(self._workspace.prompt_on(plane), lasso=Stroke(_steps(path))))

    def delete(self, event: Any) -> Generator[None, None, None]:
        """Delete the committed objects in a dragged rectangle, or the one that is clicked."""
        position = event.position
        drag = yield from self._drag(event, OUTSIDE, still=lambda: self.delete_at(position))
        if drag is not None:
            self.band.clear()
            self._workspace.act(lambda: self._delete_in(*drag))

    def reopen(self, event: Any) -> Generator[None, None, None]:
        """Make the committed object under the mouse the proposal again, or the suggestion there."""
        workspace = self._workspace
        event.handled = True

        def reopen() -> None:
            session, voxel = workspace.session, self._voxel(event.position)
            if settle(session, workspace.asker, lambda _: session.reopen(voxel)):
                return
            key = session.suggestions.at(voxel)
            if key is None or not settle(session, workspace.asker, lambda _: session.take_up(key)):
                raise InvalidPrompt("No committed object is here.", "Ctrl+click one of the coloured objects.")

        workspace.act(reopen)
        yield

    # --- parts of gestures --------------------------------------------------------------------------------
    def _propose(self, prompt: Prompt) -> None:
        """Hand over what was drawn; the band shows it until its layer does."""
        self._workspace.propose(prompt)
        layers = self._workspace.layers
        if layers is None:
            self.band.clear()
        else:
            layers.prompts.when_drawn(self.band.clear)

    def _drag(
        self,
        event: Any,
        colour: str,
        preview: Callable[[Plane, Path], None] | None = None,
        still: Callable[[], None] | None = None,
    ) -> Generator[None, None, tuple[Plane, Path] | None]:
        """Follow a drag and draw it: its rectangle where there is a `preview` or a `still`, else its path.

        Returns (slice, (n, 2) path), or None where it was only a click.
        """
        workspace = self._workspace
        event.handled = True
        start: list[tuple[Plane, float, float]] = []
        if not workspace.act(lambda: start.append(workspace.locate(event.position))):
            return None
        plane, row, column = start[0]
        path, places = [(row, column)], [np.array(event.pos, dtype=np.float64)]
        is_box = preview is not None or still is not None
        yield
        while event.type == "mouse_move":
            event.handled = True
            _, row, column = workspace.locate(event.position)
            if is_box:
                del path[1:], places[1:]
            path.append((row, column))
            places.append(np.array(event.pos, dtype=np.float64))
            line = self._corners(plane, path, places[0]) if is_box else np.array(places)
            self.band.draw(line, colour, closed=is_box)
            if preview is not None:
                preview(plane, np.array(path))
            yield
        self._preview.settle()
        if np.ptp(np.array(places), axis=0).max() >= _STILL:
            return plane, np.array(path)
        self.band.clear()
        self._preview.clear()
        (still or self._say_drag)()
        return None

    def _corners(self, plane: Plane, path: Sequence[tuple[float, float]], start: Path) -> Path:
        """Return where the corners of a dragged box are on the canvas, (4, 2) x, y; a layer may be turned."""
        layers = self._workspace.layers
        assert layers is not None
        (top, left), (bottom, right) = path[0], path[-1]
        corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
        return start + layers.on_screen(plane, corners)

    def _say_drag(self) -> None:
        self._workspace.on_error(
            InvalidPrompt("Nothing was drawn: the mouse was only clicked.", "Hold the button while you draw.")
        )

    def delete_at(self, position: Any) -> None:
        """Delete the committed object at a world position."""

        def delete() -> None:
            if not self._workspace.session.delete_at(self._voxel(position)):
                raise InvalidPrompt("No committed object is here.", "Click or drag over coloured objects.")

        self._workspace.act(delete)

    def _delete_in(self, plane: Plane, path: Path) -> None:
        session = self._workspace.session
        rows, columns = plane.shape(self._workspace.shape)
        box = Box.between(path[0], path[-1])
        region = np.zeros((rows, columns), np.bool_)
        top, left = max(0, round(box.top)), max(0, round(box.left))
        region[top : max(0, round(box.bottom) + 1), left : max(0, round(box.right) + 1)] = True
        count = session.delete_in(plane, region)
        session.notified.emit(f"{count} object{'' if count == 1 else 's'} deleted. Ctrl+Z brings them back.")

    def _clipped(self, plane: Plane, box: Box) -> Box:
        """Return the part of a box inside the image; one wholly outside is left for the session to refuse."""
        rows, columns = plane.shape(self._workspace.shape)
        if box.bottom < 0 or box.right < 0 or box.top > rows - 1 or box.left > columns - 1:
            return box
        return Box(
            max(box.top, 0.0),
            max(box.left, 0.0),
            min(box.bottom, rows - 1.0),
            min(box.right, columns - 1.0),
        )

    def _point_at(self, position: Any) -> int | None:
        """Return which point of the prompt is under the mouse."""
        workspace = self._workspace
        prompt, layers = workspace.session.prompt, workspace.layers
        if prompt is None or layers is None or not prompt.points:
            return None
        try:
            plane, row, column = workspace.locate(position)
        except MedkdError:
            return None
        if plane != prompt.plane:
            return None
        away = np.hypot([p.row - row for p in prompt.points], [p.column - column for p in prompt.points])
        nearest = int(np.argmin(away))
        return nearest if away[nearest] <= _GRASP * layers.pixel() else None

    def _voxel(self, position: Any) -> tuple[int, int, int]:
        plane, row, column = self._workspace.locate(position)
        z, y, x = (round(float(n)) for n in plane.to_volume(np.array([row, column])))
        return z, y, x


def _steps(path: Path) -> tuple[tuple[float, float], ...]:
    return tuple((float(row), float(column)) for row, column in path)
