"""Which of the installed models learns: the one that answers clicks, or one that looks by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.learning.methods import KIND, distilled, learns_kinds
from napari_medkd.models.store import ModelStore
from napari_medkd.settings import Settings

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard


def learners() -> list[ModelCard]:
    """Return the models that the user may choose from: the one in use, then those that can learn a kind."""
    chosen = Settings.load()
    cards = {card.id: card for card in ModelStore().list()}
    kinds = [card.id for card in cards.values() if learns_kinds(card)]
    kinds.sort(key=lambda name: name != chosen.looking_model)
    return [cards[name] for name in dict.fromkeys((chosen.default_model, *kinds)) if name in cards]


def usual_learner(method: str) -> str:
    """Return the id of the model that a method teaches where nobody says which."""
    chosen = Settings.load()
    if method != KIND or learns_kinds(ModelStore().get(chosen.default_model)):
        return chosen.default_model
    return chosen.looking_model


def teacher_of(card: ModelCard) -> str:
    """Return the id of the model that KD-SAM distilled a model from, itself or one that it descends from.

    Raises
    ------
    ModelUnavailable
        That model is not installed, or one between them.
    """
    store = ModelStore()
    while distilled(card):
        card = store.get(card.parent)
    return card.id
