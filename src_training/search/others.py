"""What stands beside the encoder of a search: known ones, and what was trained as packages of their own."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import ModelUnavailable
from napari_medkd.models.encoders.blueprint import efficientvit_b1
from src_training.export import export

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes import RecipeConfig

OTHERS = "others"
# Known encoders, each with a neck for cells of 16 pixels.
KNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "RepViT-M1": ("repvit", {"size": "m1"}),
    "MobileNetV4-small": ("pyramid", {"backbone": "mobilenetv4_conv_small", "finer": False}),
    "EfficientViT-B1": ("searched", efficientvit_b1().model_dump(mode="json")),
}


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
