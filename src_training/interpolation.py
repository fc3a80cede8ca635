"""Weights between the old model and the new: as far towards the new one as nothing is forgotten.

Reference: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022), section 3: θ = (1 − a)·θ_old +
a·θ_new. Deviation: a is chosen on the validation cases, among those that lose no more than a margin on what
is rehearsed.
"""

from __future__ import annotations

import json
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


class Interpolation:
    """Draws a trained student back towards what it was, in place.

    Parameters
    ----------
    before : PromptableModel
        The student before it learnt.
    look : Look
        Measures both pools.
    margin : float
        Mean overlap that rehearsed kinds of images may lose.
    context : Context
        Where the figures are kept and told.
    stage, steps : str and int
        Of which stage.
    """

    def __init__(
        self,
        before: PromptableModel,
        look: Look,
        margin: float,
        context: Context,
        stage: str,
        steps: int,
    ) -> None:
        self._before, self._look, self._margin = before, look, margin
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
        kept = chosen(found, self._margin)
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


def chosen(found: dict[float, dict[str, float]], margin: float) -> float:
    """Return the share with the best figures on corrected cases that forgets no more than `margin`."""
    replay = {share: _mean(figures, "replay_") for share, figures in found.items()}
    allowed = [share for share in found if replay[share] >= replay[0.0] - margin]
    return max(allowed, key=lambda share: (_mean(found[share], "held_out_"), share))


def _mean(figures: dict[str, float], prefix: str) -> float:
    values = [value for name, value in figures.items() if name.startswith(prefix)]
    return sum(values) / len(values) if values else 0.0
