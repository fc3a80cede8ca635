"""Which kind of image it is, in the words of a model that looks for other things in each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Prediction
    from napari_medkd.models.card import ModelCard

AUTO = "auto"
# DICOM's codes (and ours for volumes) → the words that public data sets use.
_WORDS = {
    "CT": "ct",
    "MR": "mr",
    "US": "ultrasound",
    "CR": "xray",
    "DX": "xray",
    "XR": "xray",
    "OP": "fundus",
    "ES": "endoscopy",
    "SM": "microscopy",
    "GM": "microscopy",
}
_NARROWER = {"endoscopy": "colonoscopy"}


def known(card: ModelCard) -> list[str]:
    """Return the kinds of image that an automatic model tells apart; empty where it does not."""
    return sorted({target.modality for target in card.targets if target.modality})


def check(wanted: str, card: ModelCard) -> None:
    """Raise `InvalidSetting` where a model does not know the kind that was asked for."""
    kinds = known(card)
    if wanted != AUTO and kinds and wanted not in kinds:
        raise InvalidSetting(
            f"{card.title} does not know the modality {wanted!r}.",
            f"It knows {', '.join(kinds)}, or take auto.",
        )


def said(volume: Volume, wanted: str, card: ModelCard) -> str | None:
    """Return the kind of an image as far as user, model or file say it; None where they leave it open.

    ``""`` stands for any kind: the model does not tell them apart.

    Raises
    ------
    InvalidSetting
        The file says what it is, and the model knows other kinds only: whatever it finds would be wrong.
    """
    kinds = known(card)
    if not kinds:
        return ""
    if wanted != AUTO:
        return wanted
    if len(kinds) == 1:
        return kinds[0]
    word = _WORDS.get(volume.modality, volume.modality.lower())
    sort = [kind for kind in kinds if word in kind.split()]
    if sort:  # several, as ultrasound and carotid ultrasound: the model must look
        return sort[0] if len(sort) == 1 else None
    if word not in kinds and _NARROWER.get(word) in kinds:
        word = _NARROWER[word]  # the only one of its sort that the model knows
    if word not in kinds and volume.modality in _WORDS:
        raise InvalidSetting(
            f"It is of the kind {word}, and {card.title} knows {', '.join(kinds)} only.",
            "Choose another model, or say which of these to take it for (--modality; Kind in the Batch tab).",
        )
    return word if word in kinds else None


def is_other(volume: Volume, kind: str) -> bool:
    """Tell whether the file says that an image is of another kind than it was taken for."""
    return volume.modality in _WORDS and not is_same(volume, kind)


def is_same(volume: Volume, kind: str) -> bool:
    """Tell whether the file itself says that an image is of the kind that it was taken for.

    A kind may be a narrower one, as carotid ultrasound is.
    """
    word = word_for(volume.modality)
    return bool(word) and (word in kind.split() or kind == _NARROWER.get(word))


def word_for(modality: str) -> str:
    """Return what models call a modality that files have a code for: ultrasound for US; else nothing."""
    return _WORDS.get(modality, "")


def better(volume: Volume, card: ModelCard, others: Iterable[ModelCard]) -> ModelCard | None:
    """Return a model that learnt from images of the kind that a file says it is, where `card`'s did not.

    It understands every prompt that `card`'s does. None where that one learnt from such images, where nobody
    did, or where the file or the card says nothing.
    """
    word = word_for(volume.modality)
    if not word or not card.modalities or {word, _NARROWER.get(word)} & _learnt(card):
        return None
    taught = (other for other in others if word in _learnt(other))
    return next((other for other in taught if card.capabilities <= other.capabilities), None)


def _learnt(card: ModelCard) -> set[str]:
    """Return the kinds of image of a card in one spelling: some say US, some ultrasound."""
    return {word_for(kind) or kind.lower() for kind in card.modalities}


def notes(volume: Volume, said: str | None) -> tuple[str, ...]:
    """Return what people should know of the kind that an image was taken for, after `said`."""
    if said is None:
        return ("The kind of image is the model's guess.",)
    word = _WORDS.get(volume.modality, said)
    return (f"Taken for {said}; the file says {word}.",) if said and word not in (said, *said.split()) else ()


def likeliest(answers: Sequence[Prediction], card: ModelCard) -> str:
    """Return the kind whose target was found most surely on a slice that was searched for all of them."""
    found: dict[str, list[float]] = {}
    for target, answer in zip(card.targets, answers, strict=True):
        if target.modality and answer.masks[0].any():
            found.setdefault(target.modality, []).append(answer.scores[0])
    if not found:
        return known(card)[0]
    return max(found, key=lambda kind: float(np.mean(found[kind])))
