"""A kind of image that a model does not know yet: what it is called, and what is looked for in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medkd.errors import InvalidSetting
from napari_medkd.inference.kinds import word_for

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_medkd.corrections.summary import ClassSummary
    from napari_medkd.models.card import ModelCard

_LONGEST = 40  # letters of a name


def suggested(found: ClassSummary, known: Collection[str]) -> str:
    """Return a name for the kind of image that a class was corrected in: one that is not `known`.

    What the files say (``ct``), or else the class with it: ``carotid artery ultrasound``.
    """
    word, label = word_for(found.modality), " ".join(found.label.lower().replace(",", " ").split())
    if word and word not in known:
        return word
    name = f"{label} {word}" if word and word not in label.split() else label
    names = (name, *(f"{name} {number}" for number in range(2, len(known) + 3)))
    return next(one for one in names if one not in known)


def chosen(kind: str, classes: Sequence[ClassSummary], card: ModelCard, data: str) -> dict[str, Any]:
    """Return the settings of the recipe that teach a kind.

    Parameters
    ----------
    kind : str
        What the user calls it; empty takes what is `suggested`.
    classes : sequence of ClassSummary
        What there are corrections of.
    card : ModelCard
        Of the model that learns.
    data : str
        Name of the folder of corrections.

    Raises
    ------
    InvalidSetting
        There are corrections of several classes, the name is none, or the model knows that kind.
    """
    if len(classes) != 1:
        names = ", ".join(one.label for one in classes)
        raise InvalidSetting(
            f"A model looks for one thing in each kind of image, and there are corrections of {names}.",
            "Choose one of these classes (--label NAME).",
        )
    known = card.architecture.kinds
    name = " ".join(kind.lower().split()) or suggested(classes[0], known)
    if "," in name or len(name) > _LONGEST:
        raise InvalidSetting(
            f"{name!r} cannot be the name of a kind of image.",
            f"Choose one of at most {_LONGEST} letters without a comma, such as ct.",
        )
    if name in known:
        raise InvalidSetting(
            known_sentence(name, card),
            f"Name this one otherwise, such as {suggested(classes[0], known)!r}. To teach it anew, choose a "
            "model to learn that does not know it yet.",
        )
    return {"modalities": {data: name}, "targets": {name: classes[0].label}}


def known_sentence(kind: str, card: ModelCard) -> str:
    """Say that a model knows a kind, and what it looks for there."""
    there = ", ".join(target.name for target in card.targets if target.modality == kind)
    return f"{card.title} knows {kind} and looks for {there} there; a known kind is not taught again."
