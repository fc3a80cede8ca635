"""One object through a volume, from prompted slices to the slices beside them, one slice at a time.

Away from the prompted slices the mask of a slice, moved as the grey values move, prompts the next one, until
a rule ends the walk. Between two prompted slices the walk is made from both sides, and what they found is
blended by distance, so that both prompted slices are met and nothing jumps where the walks meet; where they
disagree, the shape between the two outlines stands in. It is a generator: whoever takes the slices can show
each, and stop after any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.core.overlap import dice
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.volumetric import motion, shapes
from napari_medkd.inference.volumetric.appearance import Appearance
from napari_medkd.inference.volumetric.handover import HandOver, seen_of
from napari_medkd.inference.volumetric.rules import Rules, Why
from napari_medkd.inference.volumetric.stretches import Reach, Stretch, in_turn, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Prediction, Seen, Segmenter
    from napari_medkd.models.card import ModelCard

Ask = Callable[["Prompt", "Seen | None"], "Prediction"]
_AGREED = 0.6  # Dice of two walks below which neither is believed


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The object on one more slice.

    Parameters
    ----------
    plane : Plane
        The slice.
    mask : ndarray (rows, columns) bool
        Never empty. A later `Found` of the same slice replaces it.
    confidence : float or None
        0 to 1: the model's score of its own mask times how like the object it looks; between two prompted
        slices also how well the walks from both sides agree. None where no model was asked.
    """

    plane: Plane
    mask: NDArray[np.bool_]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """Where a walk ended: the last slice that it found the object on, which way it went, and why it ended."""

    plane: Plane
    step: int
    why: Why


def propagate(
    volume: Volume,
    segmenter: Segmenter,
    axis: int,
    anchors: Mapping[int, NDArray[np.bool_]],
    *,
    rules: Rules | None = None,
    reach: Reach | None = None,
    ask: Ask | None = None,
) -> Iterator[Found | Ended]:
    """Follow an object from its prompted slices through the volume.

    Parameters
    ----------
    volume : Volume
        The image.
    segmenter : Segmenter
        A model that takes boxes or points, or whose follower does.
    axis : int
        The slices lie across it: 0 = z, 1 = y, 2 = x.
    anchors : mapping of int to ndarray (rows, columns) bool
        The object on the slices that the user prompted, drew or accepted, by index; at least one.
    rules : Rules, optional
        What ends a walk.
    reach : Reach, optional
        Which slices may be reached; all of them where None.
    ask : callable, optional
        Takes a prompt and a mask to go on from, or None, and returns the follower's answer, from embeddings
        of its own; each slice is embedded once for each answer where None.

    Yields
    ------
    Found or Ended
        Slices nearest to the prompted ones first, each walk closed by an `Ended`. The prompted slices
        themselves do not come.

    Raises
    ------
    InvalidPrompt
        At the call, where nothing is prompted or the model takes neither boxes nor points.
    """
    if not anchors or not all(mask.any() for mask in anchors.values()):
        raise InvalidPrompt(
            "There is no object to follow through the volume.", "Mark it on one slice, then propagate."
        )
    follower = segmenter.follower
    hand_over = HandOver.to(follower.card)
    asked = ask or _asking(volume, follower)
    walker = _Walker(volume, axis, follower.card, hand_over, rules or Rules(), asked)
    wanted = stretches(sorted(anchors), (reach or Reach()).within(volume.shape[axis]))
    return in_turn([walker.follow(stretch, anchors) for stretch in wanted])


def interpolate(volume: Volume, axis: int, masks: Mapping[int, NDArray[np.bool_]]) -> Iterator[Found]:
    """Fill the slices between drawn ones by the shapes between their outlines, without a model.

    Parameters
    ----------
    masks : mapping of int to ndarray (rows, columns) bool
        At least two slices by index.

    Yields
    ------
    Found
        The slices strictly between neighbouring drawn ones, rising; none where the shape comes out empty.
    """
    spacing = volume.geometry.plane_spacing(Plane(axis, 0))
    for index, mask in shapes.between(masks, spacing):
        yield Found(Plane(axis, index), mask, None)


@dataclass(frozen=True, slots=True, eq=False)
class _Walker:
    """Walks through the slices of one volume along one axis."""

    volume: Volume
    axis: int
    card: ModelCard
    hand_over: HandOver
    rules: Rules
    ask: Ask

    def follow(self, stretch: Stretch, anchors: Mapping[int, NDArray[np.bool_]]) -> Iterator[Found | Ended]:
        """Fill a stretch of slices beside one prompted slice, or between two."""
        if stretch.end is None:
            return self._onwards(stretch, anchors[stretch.start])
        return self._between(stretch, anchors[stretch.start], anchors[stretch.end])

    def _onwards(self, stretch: Stretch, anchor: NDArray[np.bool_]) -> Iterator[Found | Ended]:
        """Walk away from a prompted slice until a rule is broken."""
        last, why = stretch.start, Why.EDGE
        area, missed = self._area(anchor), 0
        for plane, mask, score, likeness in self._walk(stretch.start, stretch.indices, anchor):
            if not mask.any():
                missed += 1
                if missed >= self.rules.vanished:
                    why = Why.VANISHED
                    break
                continue
            now = self._area(mask)
            broken = self.rules.broken(score, likeness, area, now)
            if broken is not None:
                why = broken
                break
            area, missed, last = now, 0, plane.index
            yield Found(plane, mask, score * likeness)
        yield Ended(Plane(self.axis, last), stretch.step, why)

    def _between(
        self, stretch: Stretch, near: NDArray[np.bool_], far: NDArray[np.bool_]
    ) -> Iterator[Found | Ended]:
        """Walk from both sides and blend; the slices of the first walk are shown until the second is made."""
        assert stretch.end is not None
        there: dict[int, tuple[NDArray[np.bool_], float]] = {}
        for plane, mask, score, likeness in self._walk(stretch.start, stretch.indices, near):
            there[plane.index] = mask, score * likeness
            if mask.any():
                yield Found(plane, mask, score * likeness)
        for plane, mask, score, likeness in self._walk(stretch.end, stretch.indices[::-1], far):
            share = abs(plane.index - stretch.start) / abs(stretch.end - stretch.start)
            yield self._met(plane, there[plane.index], (mask, score * likeness), share, (near, far))
        yield Ended(Plane(self.axis, stretch.end), stretch.step, Why.EDGE)

    def _met(
        self,
        plane: Plane,
        there: tuple[NDArray[np.bool_], float],
        back: tuple[NDArray[np.bool_], float],
        share: float,
        ends: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    ) -> Found:
        """Blend what two walks found on a slice `share` of the way from one prompted slice to the other."""
        spacing = self.volume.geometry.plane_spacing(plane)
        agreement = dice(there[0], back[0])
        confidence = agreement * ((1 - share) * there[1] + share * back[1])
        mask = shapes.blend(there[0], back[0], share, spacing)
        if agreement < _AGREED or not mask.any():
            drawn = shapes.blend(ends[0], ends[1], share, spacing)
            mask = drawn if drawn.any() else max((there, back), key=lambda one: one[1])[0]
        if not mask.any():  # two objects far apart, and nothing found between them
            mask, confidence = ends[0 if share < 0.5 else 1], 0.0
        return Found(plane, mask, confidence)

    def _walk(
        self, start: int, indices: range, anchor: NDArray[np.bool_]
    ) -> Iterator[tuple[Plane, NDArray[np.bool_], float, float]]:
        """Yield (slice, mask, score, likeness) for each index; an empty mask prompts no other slice."""
        mask, before = anchor, self.volume.slice_seen(Plane(self.axis, start))
        look = Appearance(before, anchor)
        for index in indices:
            plane = Plane(self.axis, index)
            after = self.volume.slice_seen(plane)
            outline = motion.carried(before, after, mask)
            place = motion.expected(outline, after, look)
            if not place.any():
                yield plane, np.zeros_like(mask), 0.0, 0.0
                continue
            previous = seen_of(place, self.card) if self.hand_over.mask else None
            answer = self.ask(self.hand_over.prompt(plane, place), previous)
            found = motion.joined(outline, answer.masks[0], after, look)
            if found.any():
                mask, before = found, after
            yield plane, found, answer.scores[0], look.likeness(after, found) if found.any() else 0.0

    def _area(self, mask: NDArray[np.bool_]) -> float:
        rows, columns = self.volume.geometry.plane_spacing(Plane(self.axis, 0))
        return float(np.count_nonzero(mask)) * rows * columns


def _asking(volume: Volume, segmenter: Segmenter) -> Ask:
    def ask(prompt: Prompt, previous: Seen | None) -> Prediction:
        return segmenter.predict(segmenter.embed(volume, prompt.plane), prompt, previous)

    return ask
