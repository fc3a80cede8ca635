"""One object, one model: what it answers to a box, or to the clicks of a simulated user."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.overlap import dice, iou
from napari_medkd.core.prompts import Prompt
from napari_medkd.core.robot import next_click, noisy_click
from napari_medkd.inference.asking import ask
from src_training.evaluation.report import Clicks

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Box, Point
    from napari_medkd.inference.segmenter import Embedding, Prediction, Segmenter

    Mask = NDArray[np.bool_]

TARGETS = (80, 85, 90)  # percent of intersection over union
AFTER = (1, 3, 5)  # clicks after which Dice is reported


@dataclass(slots=True)
class Stopwatch:
    """How long each answer took, in seconds."""

    embed: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Questioner:
    """Asks a model as a session does: the best candidate is what the user sees and corrects.

    Parameters
    ----------
    segmenter : Segmenter
        The model.
    cap : int
        The most clicks for one object.
    watch : Stopwatch
        Takes the time of each answer.
    """

    segmenter: Segmenter
    cap: int
    watch: Stopwatch

    def box(self, embedding: Embedding, box: Box) -> Mask:
        """Return the answer to a box."""
        return self._ask(embedding, Prompt(embedding.plane, box=box), None).masks[0]

    def everything(self, embedding: Embedding) -> Mask:
        """Return all that the model finds by itself, whatever it takes it for."""
        start = time.perf_counter()
        found = self.segmenter.propose(embedding)
        self.watch.answer.append(time.perf_counter() - start)
        union: Mask = np.logical_or.reduce([one.masks[0] for one in found])
        return union

    def clicks(self, embedding: Embedding, truth: Mask, rng: Generator | None) -> tuple[Mask, Clicks]:
        """Click until nothing is left to gain; return the answer to the first click, and how it went on.

        The user stops at the highest target, though not before the last of `AFTER`, at the cap, or where no
        error is left to click at. `rng` makes the clicks those of a hand.
        """
        points: tuple[Point, ...] = ()
        mask, first, seen = np.zeros_like(truth), None, None
        dices: list[float] = []
        ious: list[float] = []
        while not self._is_done(ious):
            click = noisy_click(truth, mask, rng, points) if rng else next_click(truth, mask, points)
            if click is None:
                break
            points = (*points, click)
            seen = self._ask(embedding, Prompt(embedding.plane, points=points), seen)
            mask = seen.masks[0]
            first = mask if first is None else first
            dices.append(dice(mask, truth))
            ious.append(iou(mask, truth))
        return np.zeros_like(truth) if first is None else first, _clicks(dices, ious, self.cap)

    def _is_done(self, ious: list[float]) -> bool:
        reached = bool(ious) and max(ious) >= TARGETS[-1] / 100
        return len(ious) >= self.cap or (reached and len(ious) >= AFTER[-1])

    def _ask(self, embedding: Embedding, prompt: Prompt, seen: Prediction | None) -> Prediction:
        """Answer `prompt`, giving back what the user saw where the model understands a mask."""
        feeds_back = "mask" in self.segmenter.card.capabilities
        previous = seen.seen(0) if seen is not None and feeds_back else None
        start = time.perf_counter()
        found = ask(self.segmenter, embedding, prompt, previous)
        self.watch.answer.append(time.perf_counter() - start)
        return found


def after(values: list[float], click: int) -> float:
    """Return the value after so many clicks; a user who had nothing left to correct stays where he was."""
    return values[min(click, len(values)) - 1] if values else 0.0


def _clicks(dices: list[float], ious: list[float], cap: int) -> Clicks:
    needed = {target: _needed(ious, target / 100) for target in TARGETS}
    return Clicks(
        dice=dices,
        iou=ious,
        noc={target: count or cap for target, count in needed.items()},
        failed={target: count is None for target, count in needed.items()},
    )


def _needed(ious: list[float], target: float) -> int | None:
    """Return the number of the first click that reached `target`."""
    return next((number for number, value in enumerate(ious, start=1) if value >= target), None)
