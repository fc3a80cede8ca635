"""AdamW over what a stage trains, a learning rate that rises and falls, and Adam for an outer level."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch.optim import Adam, AdamW

if TYPE_CHECKING:
    from torch import nn

    from src_training.recipes.base import Outer, RecipeConfig, Stage

_OUTER_BETAS = (0.5, 0.999)  # those of DARTS (Liu et al. 2019, section 3.1)


def freeze(stage: Stage) -> None:
    """Let the parameters learn that the stage names on either level, and no others."""
    outer = () if stage.outer is None else tuple(stage.outer.trainable)
    for name, parameter in stage.task.named_parameters():
        parameter.requires_grad_(name.startswith((*stage.trainable, *outer)))


def build(stage: Stage, config: RecipeConfig) -> AdamW:
    """Return the optimiser of a stage; vectors (biases, norms) are not decayed."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    outer = () if stage.outer is None else tuple(stage.outer.trainable)
    for name, parameter in stage.task.named_parameters():
        if parameter.requires_grad and not name.startswith(outer):
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((_factor(stage, name), decay), []).append(parameter)
    rate = config.learning_rate
    return AdamW(
        [
            {"params": parameters, "lr": factor * rate, "factor": factor, "weight_decay": decay}
            for (factor, decay), parameters in groups.items()
        ]
    )


def build_outer(task: nn.Module, outer: Outer) -> Adam:
    """Return the optimiser of the outer level."""
    prefixes = tuple(outer.trainable)
    chosen = [parameter for name, parameter in task.named_parameters() if name.startswith(prefixes)]
    return Adam(chosen, lr=outer.rate, betas=_OUTER_BETAS, weight_decay=outer.weight_decay)


def set_rate(optimiser: AdamW, config: RecipeConfig, step: int, steps: int) -> float:
    """Set the rates of one step, a rise along a line and a fall along a cosine; returns the highest."""
    rising = max(1, round(config.warm_up * steps))
    if step < rising:
        share = (step + 1) / rising
    else:
        share = 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
    rate = config.learning_rate * max(share, 0.01)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def _factor(stage: Stage, name: str) -> float:
    fitting = [prefix for prefix in stage.rates if name.startswith(prefix)]
    return stage.rates[max(fitting, key=len)] if fitting else 1.0
