"""The mean of the weights of models that learnt from one ancestor: often better than each, at no cost.

Reference: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time" (2022), the uniform soup. Deviation: it is only taken where it is no worse
on the validation cases than the run by itself.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from src_training.interpolation import mixed
from src_training.pretrained import load_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from src_training.context import Context


def average_with(
    task: nn.Module,
    others: Sequence[str],
    validate: Callable[[nn.Module], dict[str, float]],
    context: Context,
) -> dict[str, float]:
    """Have a trained task's model wear its mean with other installed models, if that is no worse.

    Parameters
    ----------
    task : nn.Module
        Its ``model`` was trained; put into evaluation mode.
    others : sequence of str
        Ids of installed models of the same network. Each counts as much as the one that was trained.
    validate : callable
        As of a stage: ``score`` decides.
    context : Context
        Hears which was kept.

    Returns
    -------
    dict
        The figures of what was kept.

    Raises
    ------
    ModelUnavailable
        Where a model has no weights, or they belong to another network.
    """
    task.eval()
    model: Any = task.model
    alone: dict[str, Tensor] = {name: value.clone() for name, value in model.state_dict().items()}
    before = validate(task)
    mean = alone
    for count, name in enumerate(others, start=1):
        other = deepcopy(model)
        load_installed(other, name)
        mean = mixed(mean, other.state_dict(), 1 / (count + 1))
    model.load_state_dict(mean)
    after = validate(task)
    if after["score"] >= before["score"]:
        return {**after, "alone": before["score"]}
    model.load_state_dict(alone)
    context.warn(
        f"The mean with {', '.join(others)} was worse on the validation cases ({after['score']:.3f} for "
        f"{before['score']:.3f}), so that this run's own weights are kept."
    )
    return before
