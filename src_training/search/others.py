"""What a search trained beside its model, as packages of their own: who likes one better can take it."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

from napari_medkd.errors import ModelUnavailable
from src_training.export import export

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes import RecipeConfig

OTHERS = "others"


def keep_other(
    student: PromptableModel,
    card: ModelCard,
    name: str,
    config: RecipeConfig,
    context: Context,
    figures: dict[str, float],
) -> str:
    """Write a copy of a trained network into the run's ``others/``.

    A network that cannot be written costs a warning and not the run, whose own model is still to come.

    Returns
    -------
    package : str
        Where it lies in the run's folder; empty where it could not be written.
    """
    slug = "-".join(re.findall("[a-z0-9]+", name.lower()))
    own = card.model_copy(update={"id": f"{card.id}-{slug}", "title": f"{card.title} ({name})"})
    place = f"{OTHERS}/{slug}"
    try:
        export(copy.deepcopy(student), own, config, context, figures, place)
    except ModelUnavailable as error:
        context.warn(f"{name} was trained but is not kept: {error.message}", error.hint)
        return ""
    return place
