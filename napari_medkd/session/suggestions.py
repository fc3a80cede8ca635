"""Suggestions of objects: a model looks for them by itself, the user decides about each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_medkd.errors import InvalidPrompt
from napari_medkd.session.answers import failure
from napari_medkd.session.cutting import Cut, cut
from napari_medkd.session.looking import Looked, can_look, look
from napari_medkd.session.review import Review
from napari_medkd.session.suggestion import Status
from napari_medkd.session.worker import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.errors import MedkdError
    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.session.answers import Answers
    from napari_medkd.session.history import Step
    from napari_medkd.session.looking import How, Place, Share
    from napari_medkd.session.suggestion import Key, Nothing, Suggestion
    from napari_medkd.session.sweep import Sweep
    from napari_medkd.session.worker import Worker

_PATIENCE = 5.0  # while a model looks, suggestions are cut again after so many times what that took


class Suggestions:
    """What a model suggests in each image that it was let loose on. Owned by a session.

    Every method is called on the owner's thread, where signals come as well; models and thresholds work on
    the worker's. The images are told apart by their content, so suggestions wait for an image to be opened.

    Parameters
    ----------
    worker : Worker
        Where the model runs.
    answers : Answers
        Who encodes slices there.
    is_committed : callable
        Tells whether a committed object of that id stands in the image that is open.
    labels : callable
        Returns the labels (z, y, x) of the image that is open; None where none is.
    """

    changed = Signal()  # other suggestions, or other decisions about them
    progressed = Signal(float)  # share that was looked at, 0 to 1
    ended = Signal(object)  # MedkdError | None: the model has looked everywhere, was stopped, or failed

    def __init__(
        self,
        worker: Worker,
        answers: Answers,
        is_committed: Callable[[int], bool],
        labels: Callable[[], NDArray[np.uint16] | None],
    ) -> None:
        self._worker = worker
        self._answers = answers
        self._is_committed = is_committed
        self._labels = labels
        self._reviews: dict[str, Review] = {}
        self._volume: Volume | None = None
        self._sweep: Sweep | None = None
        self._cut_at = self._cut_took = 0.0
        self._cutting: Review | None = None
        self._in_hand: Key | None = None
        self._own: Segmenter | None = None
        self._looker: Segmenter | None = None
        self.how = Cut()
        self.share = 0.0

    # --- what there is ------------------------------------------------------------------------------------
    @property
    def review(self) -> Review | None:
        """What was found in the image that is open; None where nobody looked."""
        return self._reviews.get(self._volume.content_id) if self._volume is not None else None

    @property
    def all(self) -> tuple[Suggestion, ...]:
        """The suggestions for the image that is open, the least sure first."""
        return self.review.shown if self.review is not None else ()

    @property
    def new(self) -> tuple[Suggestion, ...]:
        """Those that nobody has decided about yet, the least sure first."""
        return tuple(one for one in self.all if self.status(one.key) is Status.NEW)

    @property
    def resting(self) -> tuple[Suggestion, ...]:
        """Those that nobody has decided about, without the one that is in hand."""
        return tuple(one for one in self.new if one.key != self._in_hand)

    @property
    def nothing(self) -> tuple[Nothing, ...]:
        """Which targets are not there, on which slice."""
        return self.review.nothing if self.review is not None else ()

    @property
    def is_looking(self) -> bool:
        """Whether a model is looking."""
        return self._sweep is not None

    def get(self, key: Key) -> Suggestion | None:
        """Return a suggestion; None where it is not there (any more)."""
        return next((one for one in self.all if one.key == key), None)

    def at(self, position: tuple[int, int, int]) -> Key | None:
        """Return the smallest suggestion left to decide that holds the voxel (z, y, x); None for none."""
        held = [one for one in self.new if any(part.holds(position) for part in one.parts)]
        return min(held, key=lambda one: one.pixels).key if held else None

    def status(self, key: Key) -> Status:
        """Return what became of a suggestion; it is new again once its object was taken back."""
        review = self.review
        if review is None:
            return Status.NEW
        if key in review.accepted and self._is_committed(review.accepted[key]):
            return Status.ACCEPTED
        return Status.REJECTED if key in review.rejected else Status.NEW

    def waiting(self) -> dict[str, int]:
        """Return how many suggestions nobody has decided about yet, by the content of each image."""
        return {
            content_id: sum(
                one.key not in review.rejected and one.key not in review.accepted for one in review.shown
            )
            for content_id, review in self._reviews.items()
        }

    # --- looking ------------------------------------------------------------------------------------------
    def use(self, volume: Volume | None) -> None:
        """Show what was found in another image; a model that is looking goes on."""
        self._volume = volume
        review = self.review
        if review is not None:
            self._leave_out(review)
            if review.is_stale:
                self._cut(review)
        self.changed.emit()

    def look(self, places: Sequence[Place], how: How) -> None:
        """Let a model look at slices; what it finds comes slice by slice.

        Raises `InvalidPrompt` where it neither finds objects by itself nor takes points.
        """
        if not can_look(how.segmenter.card):
            raise InvalidPrompt(
                f"{how.segmenter.card.title} finds nothing by itself and takes no points to be asked at.",
                "Choose another model, such as MedKD fast.",
            )
        self.stop()
        self._looker = how.segmenter
        model_id, self.share = how.segmenter.card.id, 0.0

        def take(item: Looked | Share) -> None:
            self.share = item.share
            if isinstance(item, Looked):
                self._take(item, model_id)
            self.progressed.emit(self.share)

        items = look(places, how, self._answers.look)
        self._sweep = self._answers.prepare_sweep(items, take, self._end, Kind.LOOK)
        self._sweep.start()

    def stop(self) -> None:
        """Look no further; what was found stays."""
        sweep, self._sweep, self._looker = self._sweep, None, None
        if sweep is not None:
            sweep.stop()
            self._finish(None)

    def follow_segmenter(self, segmenter: Segmenter | None) -> None:
        """Take note of the session's model: it looks no further once it goes; one beside it goes on."""
        if self._looker is self._own:
            self.stop()
        self._own = segmenter

    def cut(self, how: Cut) -> None:
        """Take another threshold, or other parts for one object; costs no network."""
        if how != self.how:
            self.how = how
            for review in self._reviews.values():
                review.is_stale = True
            if self.review is not None:
                self._cut(self.review)

    def forget(self) -> None:
        """Drop the suggestions for the image that is open."""
        if self._volume is not None and self._reviews.pop(self._volume.content_id, None) is not None:
            self.changed.emit()

    # --- deciding -----------------------------------------------------------------------------------------
    def take_up(self, key: Key) -> None:
        """Take note that a suggestion is the object in hand now."""
        self._in_hand = key
        self.changed.emit()

    def commit(self, object_id: int) -> None:
        """Take note that the object in hand was committed; it may have been a suggestion."""
        if self._in_hand is not None:
            self.accept([(self._in_hand, object_id)])
            self.changed.emit()

    def follow_prompt(self, prompt: Prompt | None) -> None:
        """Take note that no object is in hand any more."""
        if prompt is None and self._in_hand is not None:
            self._in_hand = None
            self.changed.emit()

    def accept(self, objects: Iterable[tuple[Key, int]]) -> None:
        """Take note of which committed object each suggestion becomes; the step that does it tells."""
        if self.review is not None:
            self.review.accepted.update(objects)

    def follow_step(self, step: Step, backwards: bool = False) -> None:
        """Take note of what a step rejects, or, taken back, does not reject; statuses may be others now."""
        review = self.review
        if review is None or not (step.rejected or step.objects):
            return
        if backwards:
            self._in_hand = next((key for key, one in review.accepted.items() if one == step.committed), None)
            review.rejected.difference_update(step.rejected)
        else:
            review.rejected.update(step.rejected)
        self.changed.emit()

    # --- inside -------------------------------------------------------------------------------------------
    def _take(self, looked: Looked, model_id: str) -> None:
        """Take in what was found on a slice, beside what the same model found on others along the axis."""
        review = self._reviews.get(looked.content_id)
        if review is None or (review.model_id, review.axis) != (model_id, looked.plane.axis):
            review = self._reviews[looked.content_id] = Review(model_id, looked.plane.axis)
        review.take(looked)
        is_time = time.monotonic() - self._cut_at > _PATIENCE * self._cut_took
        if looked.is_last or (review is self.review and is_time and self._cutting is None):
            self._cut(review)

    def _cut(self, review: Review) -> None:
        """Cut an image's answers on the worker's thread, in place of what is being cut."""
        if self._cutting is not None:
            self._cutting.is_stale = True
        self._cutting, review.is_stale = review, False
        answers = [review.answers[plane] for plane in sorted(review.answers, key=lambda plane: plane.index)]
        started, how = time.monotonic(), self.how

        def done(result: tuple[list[Suggestion], list[Nothing]] | Exception) -> None:
            self._cutting = None
            self._cut_at = time.monotonic()
            self._cut_took = self._cut_at - started
            if isinstance(result, Exception):
                self.ended.emit(failure(result))
                return
            suggestions, nothing = result
            review.suggestions, review.nothing = tuple(suggestions), tuple(nothing)
            self._leave_out(review)
            self.changed.emit()
            self._cut_next()

        self._worker.submit(Kind.CUT, lambda: cut(answers, how), done)

    def _cut_next(self) -> None:
        """Cut what is left to be cut, once the model has nothing to look at."""
        stale = next((one for one in self._reviews.values() if one.is_stale), None)
        if stale is not None and self._sweep is None:
            self._cut(stale)

    def _leave_out(self, review: Review) -> None:
        """Leave out what was committed before; an image that is not open is seen to when it is."""
        labels = self._labels()
        if review is self.review and labels is not None:
            review.cover(labels)

    def _end(self, error: MedkdError | None) -> None:
        self._sweep = self._looker = None
        self._finish(error)

    def _finish(self, error: MedkdError | None) -> None:
        if self._cutting is None:
            self._cut_next()
        self.ended.emit(error)
