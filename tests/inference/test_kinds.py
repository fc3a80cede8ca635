"""What kind of image a file says it is, in the words of a model of several kinds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidSetting
from napari_medkd.inference import kinds
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target

CARD = ModelCard(
    id="several",
    title="Several",
    architecture=Architecture(encoder="none"),
    preprocessing=Preprocessing(),
    capabilities=frozenset({"auto"}),
    targets=(Target(name="polyp", modality="colonoscopy"), Target(name="lesion", modality="ultrasound")),
)


def volume(modality: str) -> Volume:
    return replace(Volume.from_array(np.zeros((1, 4, 4), np.uint8)), modality=modality)


@pytest.mark.parametrize(("modality", "kind"), [("US", "ultrasound"), ("ES", "colonoscopy"), ("", None)])
def test_what_a_file_says_is_put_into_the_models_words(modality: str, kind: str | None) -> None:
    assert kinds.said(volume(modality), kinds.AUTO, CARD) == kind


def test_a_kind_that_the_model_does_not_know_is_refused_unless_the_user_says_another() -> None:
    with pytest.raises(InvalidSetting, match="of the kind ct"):
        kinds.said(volume("CT"), kinds.AUTO, CARD)
    assert kinds.said(volume("CT"), "ultrasound", CARD) == "ultrasound"
    assert kinds.is_other(volume("CT"), "ultrasound") and not kinds.is_other(volume("ES"), "colonoscopy")


def test_a_narrower_kind_is_of_the_sort_that_the_file_says() -> None:
    narrower = Target(name="artery", modality="carotid ultrasound")
    both = CARD.model_copy(update={"targets": (*CARD.targets, narrower)})
    assert kinds.said(volume("US"), kinds.AUTO, both) is None, "the model must look which of the two it is"
    alone = CARD.model_copy(update={"targets": (CARD.targets[0], narrower)})
    assert kinds.said(volume("US"), kinds.AUTO, alone) == "carotid ultrasound"
    assert kinds.is_same(volume("US"), "carotid ultrasound")
    assert not kinds.is_other(volume("US"), "carotid ultrasound") and not kinds.is_same(volume("RGB"), "RGB")
    assert kinds.notes(volume("US"), "carotid ultrasound") == ()


def test_a_model_that_learnt_from_such_images_is_better_where_the_other_did_not() -> None:
    def card(*modalities: str, prompts: frozenset[str] = frozenset({"box"})) -> ModelCard:
        update = {"modalities": modalities, "capabilities": prompts, "id": "-".join(modalities)}
        return CARD.model_copy(update=update)

    pictures, volumes, clicks = card("xray", "colonoscopy"), card("ct", "mr"), frozenset({"box", "point"})
    assert kinds.better(volume("CT"), pictures, [pictures, volumes]) is volumes
    assert kinds.better(volume("DX"), pictures, [volumes]) is None, "it learnt from such images itself"
    assert kinds.better(volume("ES"), pictures, [card("endoscopy")]) is None
    assert kinds.better(volume("CT"), card("CT", "XR"), [volumes]) is None, "some cards have the code"
    assert kinds.better(volume(""), pictures, [volumes]) is None
    assert kinds.better(volume("CT"), card(), [volumes]) is None, "nobody knows what it learnt from"
    assert kinds.better(volume("CT"), card("xray", prompts=clicks), [volumes]) is None, "it takes no clicks"
