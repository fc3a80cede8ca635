"""The transfer set: real pictures without their labels, and synthetic ones up to the wanted size."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.runs import Metric, Progress, stop_requested
from src_training.pictures import Picture
from src_training.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from src_training.context import Context
    from src_training.diffusion.synthesis import Provenance, Synthesis

FOLDER = "transfer"
_SYNTHETIC = "synthetic"
_TELL_SECONDS = 1.0
_MANY = 0.1  # share of copies that the user should know of


@dataclass(eq=False)
class TransferSet:
    """What a student is pre-trained on.

    Parameters
    ----------
    real : sequence of Scene
        Pictures of the training cases; what is labelled of them is not looked at.
    missing : int
        How many synthetic pictures to add.
    synthesis : Synthesis or None
        What makes them.

    Attributes
    ----------
    scenes : list of Scene
        The set, once it was filled; the same list is filled that streams were given before.
    """

    real: Sequence[Scene]
    missing: int
    synthesis: Synthesis | None
    scenes: list[Scene] = field(default_factory=list)

    @property
    def synthetic(self) -> tuple[Scene, ...]:
        """Those that were made up."""
        return tuple(scene for scene in self.scenes if scene.picture.set == _SYNTHETIC)

    def fill(self, context: Context) -> bool:
        """Make what is not there yet and read it; False where the run was asked to stop."""
        made: list[Scene] = []
        if self.synthesis is not None and self.missing:
            synthesis = self.synthesis

            def draw() -> bool:
                found = synthesis.make(
                    self.missing, context.fabric.device, telling(context, "synthetic images")
                )
                if found is not None:
                    _report(found, context)
                return found is not None

            if not by_one(context, draw):
                return False
            made = _read(synthesis, self.missing)
        self.scenes[:] = [*self.real, *made]
        return True


def telling(context: Context, stage: str) -> Callable[[int, int], bool]:
    """Return what hears how far some making is, tells it, and says whether the run shall go on."""
    told = 0.0

    def go_on(done: int, of: int) -> bool:
        nonlocal told
        if time.monotonic() - told > _TELL_SECONDS or done == of:
            context.write(Progress(stage=stage, step=done, total=of))
            told = time.monotonic()
        return not stop_requested(context.folder)

    return go_on


def by_one(context: Context, make: Callable[[], bool]) -> bool:
    """Have the first of several processes make something while the others wait; all return what it did."""
    went_on = make() if context.fabric.is_global_zero else True
    return bool(context.fabric.broadcast(went_on))


def _read(synthesis: Synthesis, count: int) -> list[Scene]:
    """Read the synthetic pictures that are no copies of real ones."""
    provenance = synthesis.provenance()
    scenes = []
    for number, made in enumerate(provenance.images[:count]):
        if not made.copy_of_training:
            image = synthesis.read(number)
            blank = np.zeros(image.shape[:2], np.uint16)
            scenes.append(Scene(Picture(_SYNTHETIC, made.file, image, blank), made.digest, labelled=False))
    return scenes


def _report(provenance: Provenance, context: Context) -> None:
    copies = sum(made.copy_of_training for made in provenance.images)
    total = len(provenance.images)
    values = {"synthetic": float(total), "copies": float(copies)}
    context.write(Metric(stage="synthetic images", step=total, values=values))
    if copies > _MANY * total:
        context.warn(
            f"{copies} of {total} synthetic images are copies of training pictures and are left out.",
            "Train the diffusion model on more pictures, or for fewer steps: --set diffusion_steps=…",
        )
