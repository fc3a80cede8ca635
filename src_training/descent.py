"""The card of a model that went on learning: the old one's under a new name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard
    from src_training.context import Context
    from src_training.recipes.base import RecipeConfig


def descended(config: RecipeConfig, context: Context, old: ModelCard, helped: str = "") -> ModelCard:
    """Return the old card with the new name: what it looks like and understands stays.

    Parameters
    ----------
    config, context
        Of the run.
    old : ModelCard
        Of the model that learnt.
    helped : str
        What helped it, for the description, such as ``" and the help of a teacher"``.
    """
    learning = context.spec.learning
    count = len(learning.corrections) if learning is not None else 0
    learnt = f"{count} corrections of the user" if count else "images of the user"
    return old.model_copy(
        update={
            "id": config.name,
            "title": config.title,
            "description": f"{old.title}, refreshed with {learnt}{helped}.",
            "parent": old.id,
            "training_data": (*old.training_data, f"{learnt[:1].upper()}{learnt[1:]}. Not published."),
            "metrics": {},
            "files": {},
        }
    )
