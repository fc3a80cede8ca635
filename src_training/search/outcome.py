"""What became of a search: the front of accuracy and time, the promise checked, the page."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.models.encoders import create_encoder
from napari_medkd.runs import Metric
from src_training.evaluation.precision import box_precision
from src_training.search.found import FRONT, Front, Point, keep, kept
from src_training.search.page import write_page
from src_training.search.settle import TOLERANCE

if TYPE_CHECKING:
    from torch import nn

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.search.found import Priced
    from src_training.search.space import Space
    from src_training.search.stopwatch import Stopwatch

OUTCOME = "outcome.json"
_SECONDS = 3.0  # of measuring what is promised
_LOOKS = 3  # until a miss is believed: another program may have been in the way
_PICTURES = 64  # validation cases that the precision is worked out on, at most


class Figures(BaseModel):
    """What a run ends with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    figures: dict[str, float] = Field(description="Name → number, as on the card.")


class Outcome:
    """Collects what the networks of one run are worth.

    Parameters
    ----------
    context : Context
        The run.
    stopwatch : Stopwatch
        Measures encoders.
    size : int
        Side of their input.
    """

    def __init__(self, context: Context, stopwatch: Stopwatch, size: int) -> None:
        self._context, self._stopwatch, self._size = context, stopwatch, size

    def point(self, encoder: nn.Module, name: str, kind: Any, iou: float | None) -> Point:
        """Measure a network for the front, on which it is not put yet."""
        return Point(
            name=name,
            kind=kind,
            milliseconds=round(self._took(encoder), 3),
            parameters=sum(parameter.numel() for parameter in encoder.parameters()),
            iou=None if iou is None else round(iou, 5),
        )

    def note(self, point: Point) -> None:
        """Put a point on the front in place of the one of its name."""
        folder = self._context.folder
        keep(folder, FRONT, (kept(folder, FRONT, Front) or Front()).with_point(point))

    def measure(self, name: str, encoder: str, options: dict[str, Any]) -> None:
        """Put a known encoder on the front that was not trained, unless it is there."""
        front = kept(self._context.folder, FRONT, Front) or Front()
        if all(point.name != name for point in front.points):
            self.note(self.point(create_encoder(encoder, **options), name, "known", None))

    def conclude(
        self, student: PromptableModel, card: ModelCard, target: float, space: Space, priced: Priced
    ) -> None:
        """Measure what was promised and what it is worth, say so, and write the page."""
        context = self._context
        student.eval()
        figures = {"encoder_ms": self._promised(student, target)}
        if self._stopwatch.device.type == "cpu":
            figures["threads"] = float(self._stopwatch.threads)
        if target:
            figures["target_ms"] = target
        if context.validation:
            several = context.validation[:: max(1, -(-len(context.validation) // _PICTURES))]
            student.to(context.fabric.device)
            figures |= box_precision(student, card, several)
        figures = {name: float(np.round(value, 4)) for name, value in figures.items()}
        keep(context.folder, OUTCOME, Figures(figures=figures))
        context.write(Metric(stage="outcome", step=0, values=figures))
        if target and figures["encoder_ms"] > (1 + TOLERANCE) * target:
            context.warn(
                f"The encoder takes {figures['encoder_ms']:.3g} ms here, and {target:g} ms were wanted.",
                "Measure it again when this computer has nothing else to do, or search with a lower target.",
            )
        write_page(context.folder, space, priced, figures)

    def figures(self) -> dict[str, float]:
        """Return what the run ended with, for its card."""
        found = kept(self._context.folder, OUTCOME, Figures)
        return {} if found is None else found.figures

    def _promised(self, student: PromptableModel, target: float) -> float:
        looks = []
        for _ in range(_LOOKS):
            looks.append(self._took(student.image_encoder))
            if not target or looks[-1] <= (1 + TOLERANCE / 2) * target:
                break
        return min(looks)

    def _took(self, encoder: nn.Module) -> float:
        """Measure a copy: a measurement must not touch what is trained."""
        shape = (1, 3, self._size, self._size)
        alone = copy.deepcopy(encoder).requires_grad_(False)
        if self._stopwatch.device.type == "cpu":
            alone = alone.cpu()
        return self._stopwatch.milliseconds(alone, shape, seconds=_SECONDS)
