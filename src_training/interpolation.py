"""Weights between the old model and the new: as far towards the new one as nothing is forgotten.

Reference: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022), section 3: θ = (1 − a)·θ_old +
a·θ_new. Deviation: a is chosen on the validation cases, among those that lose little on what is rehearsed,
and it is the smallest that brings nearly the whole gain: the last steps towards the new model gain least and
forget most, of kinds that nobody rehearses too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_medkd.runs import Metric
from src_training.files import write_text

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.looking import Look

FILE = "interpolation.json"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Caution:
    """What may be lost for a gain, as overlaps from 0 to 1.

    Parameters
    ----------
    margin : float
        That rehearsed images may lose on average.
    kind_margin : float
        That one kind of them may lose, since a mean hides one that pays for the others.
    gain : float
        Share of the largest gain that is enough.
    """

    margin: float
    kind_margin: float
    gain: float


class Interpolation:
    """Draws a trained student back towards what it was, in place.

    Parameters
    ----------
    before : PromptableModel
        The student before it learnt.
    look : Look
        Measures both pools.
    caution : Caution
        What may be lost for a gain.
    context : Context
        Where the figures are kept and told.
    stage, steps : str and int
        Of which stage.
    """

    def __init__(
        self,
        before: PromptableModel,
        look: Look,
        caution: Caution,
        context: Context,
        stage: str,
        steps: int,
    ) -> None:
        self._before, self._look, self._caution = before, look, caution
        self._context, self._stage, self._steps = context, stage, steps
        self.figures: dict[str, float] = {}

    def __call__(self, task: nn.Module) -> None:
        """Try each share, keep the best, and say which it was."""
        student: Any = task.student
        task.eval()
        new = {name: value.clone() for name, value in student.state_dict().items()}
        device = next(student.parameters()).device
        old = {name: value.to(device) for name, value in self._before.state_dict().items()}
        found: dict[float, dict[str, float]] = {}
        for share in SHARES:
            student.load_state_dict(mixed(old, new, share))
            found[share] = self._look.measured(task)
        kept = chosen(found, self._caution)
        student.load_state_dict(mixed(old, new, kept))
        self.figures = {"kept": kept, **found[kept]}
        write_text(self._context.folder / FILE, json.dumps({"kept": kept, "shares": found}, indent=1) + "\n")
        self._context.write(Metric(stage=self._stage, step=self._steps, values=self.figures))
        if kept == 0:
            self._context.warn(
                "Nothing of what was learnt is kept: it was no better on the cases that it is chosen by.",
                "Correct more images of the same kind, or take the full mode.",
            )


def mixed(old: dict[str, Tensor], new: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return (1 − share)·old + share·new; what is counted in whole numbers is taken from the new."""
    return {
        name: old[name].lerp(value, share) if value.is_floating_point() else value
        for name, value in new.items()
    }


def chosen(found: dict[float, dict[str, float]], caution: Caution) -> float:
    """Return the smallest share that brings nearly the largest gain of those that forget little enough."""
    gains = {share: _mean(figures, "held_out_") for share, figures in found.items()}
    allowed = [share for share, figures in found.items() if _bearable(figures, found[0.0], caution)]
    most = max(gains[share] for share in allowed) - gains[0.0]
    return min(share for share in allowed if gains[share] - gains[0.0] >= caution.gain * most)


def _bearable(figures: dict[str, float], old: dict[str, float], caution: Caution) -> bool:
    lost = [old[name] - value for name, value in figures.items() if name.startswith("replay_")]
    if not lost:
        return True
    return sum(lost) / len(lost) <= caution.margin and max(lost) <= caution.kind_margin


def _mean(figures: dict[str, float], prefix: str) -> float:
    values = [value for name, value in figures.items() if name.startswith(prefix)]
    return sum(values) / len(values) if values else 0.0
