"""`medkd segment --auto`: what the model finds by itself, a class a target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_medkd.inference.segmenter import Prediction
from napari_medkd.models.card import ModelCard, Target
from tests.cli.test_segment import BOX, read_png
from tests.doubles import PROMPTS, ThresholdSegmenter
from tests.seeing import Seeing, nuclei


class Automatic(ThresholdSegmenter):
    """Finds all that is bright, unsurely all that is not black, and nothing of a third kind."""

    def __init__(self):
        super().__init__(capabilities=frozenset({"auto"}))
        targets = Target(name="tissue"), Target(name="disc", modality="MR"), Target(name="tumour")
        self.card = ModelCard.model_validate({**dict(self.card), "targets": targets})

    def propose(self, embedding, modality=""):
        from napari_medkd.core.prompts import Prompt
        from napari_medkd.inference.automatic import at_threshold, chosen_targets

        grey = np.zeros((1024, 1024), np.float32)  # the size of the network's input, so that no pixel is lost
        rows, columns = embedding.frame.fitted
        grey[:rows, :columns] = np.asarray(
            Image.fromarray(embedding.features).resize((columns, rows), Image.Resampling.NEAREST)
        )
        logits = np.where(grey > 128, 5, 1), np.where(grey > 128, 7, -7), np.full_like(grey, -4)
        return [
            at_threshold(
                Prediction(
                    Prompt(embedding.plane),
                    (),
                    (),
                    logits[index][np.newaxis].astype(np.float32),
                    self.card.id,
                    embedding.frame,
                    (self.card.targets[index].name,),
                ),
                0.5,
            )
            for index in chosen_targets(self.card, modality)
        ]


@pytest.fixture
def automatic(monkeypatch) -> Automatic:
    double = Automatic()
    monkeypatch.setattr("napari_medkd.cli.answering.load_segmenter", lambda *args, **kwargs: double)
    return double


def test_every_target_is_a_class_and_the_surer_one_wins(medkd, automatic, picture, disc, tmp_path):
    out, overlay = tmp_path / "mask.tif", tmp_path / "overlay.png"
    outcome = medkd("segment", picture, "--auto", "--out", out, "--overlay", overlay, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    with Image.open(out) as image:
        mask = np.asarray(image)
    assert (mask == 2).sum() == pytest.approx(disc.sum(), rel=0.1)
    assert set(np.unique(mask)) == {1, 2} and not (mask[disc] == 1).any()
    tissue, found, tumour = outcome.json["found"]
    assert [each["name"] for each in outcome.json["found"]] == ["tissue", "disc", "tumour"]
    assert [each["value"] for each in outcome.json["found"]] == [1, 2, 3]
    assert found["bounds"] == [24, 11, 42, 29] and found["pixels"] == int((mask == 2).sum())
    assert found["score"] > tissue["score"]
    assert tumour["bounds"] is None and tumour["pixels"] == 0 and tumour["score"] > 0.9
    assert tissue["pixels"] + found["pixels"] == mask.size
    assert found["area_mm2"] is None, "a PNG says nothing of millimetres"
    assert overlay.exists() and automatic.closed


def test_a_threshold_and_a_modality_change_what_is_found(medkd, automatic, picture, tmp_path):
    out = tmp_path / "mask.png"
    outcome = medkd("segment", picture, "--auto", "--threshold", 0.9, "--modality", "CT", "-o", out, "--json")
    tissue, tumour = outcome.json["found"]
    assert (tissue["name"], tumour["name"], tumour["value"]) == ("tissue", "tumour", 3)
    assert tissue["bounds"] == [24, 11, 42, 29], "a logit of 1 is a probability of 0.73"
    refused = medkd("segment", picture, "--auto", "--threshold", 2, "-o", tmp_path / "other.png")
    assert refused.code == 2 and "between 0 and 1" in refused.err


def test_people_read_what_was_found(medkd, automatic, picture, tmp_path):
    outcome = medkd("segment", picture, "--auto", "-o", tmp_path / "mask.png")
    assert outcome.code == 0
    for words in ("Tissue", "Disc", "class 2", "Tumour", "nothing found", "slice 0 along z"):
        assert words in outcome.out


@pytest.mark.parametrize(("said", "words"), [("", "mr, 75% sure"), ("ct", "ct, as you said")])
def test_the_kind_that_it_was_taken_for_is_told(medkd, automatic, picture, tmp_path, said, words):
    shares = {"mr": 0.75, "ct": 0.25}
    propose = automatic.propose
    automatic.modality_of = lambda embedding: shares
    automatic.propose = lambda embedding, modality: [
        replace(one, modality=modality or "mr") for one in propose(embedding)
    ]
    told = ["--modality", said] if said else []
    outcome = medkd("segment", picture, "--auto", *told, "-o", tmp_path / "mask.png")
    assert words in outcome.out
    outcome = medkd("segment", picture, "--auto", *told, "-o", tmp_path / "mask.png", "--overwrite", "--json")
    assert outcome.json["modality"] == (said or "mr") and outcome.json["modalities"] == shares


def test_an_empty_answer_is_written(medkd, automatic, picture, tmp_path):
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(picture)
    out = tmp_path / "mask.png"
    outcome = medkd("segment", picture, "--auto", "--threshold", 0.9, "-o", out)
    assert outcome.code == 0 and not read_png(out).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--auto", "--box", BOX), "without --box"),
        (("--box", BOX, "--threshold", "0.4"), "--auto or --everything"),
        (("--box", BOX, "--modality", "CT"), "--auto only"),
    ],
)
def test_options_that_contradict_each_other_are_refused(medkd, automatic, picture, tmp_path, options, words):
    outcome = medkd("segment", picture, *options, "-o", tmp_path / "m.png")
    assert outcome.code == 2 and words in outcome.err and not automatic.embedded


def test_a_model_that_needs_a_prompt_is_refused(medkd, segmenter, picture, tmp_path):
    outcome = medkd("segment", picture, "--auto", "-o", tmp_path / "m.png")
    assert outcome.code == 2 and "without a prompt" in outcome.err and segmenter.closed
    assert not (tmp_path / "m.png").exists()


def test_everything_is_asked_for_and_each_object_gets_a_value(medkd, monkeypatch, picture, tmp_path):
    double = Seeing(PROMPTS)
    monkeypatch.setattr("napari_medkd.cli.answering.load_segmenter", lambda *args, **kwargs: double)
    Image.fromarray(nuclei().data[2]).save(picture)
    out, overlay = tmp_path / "mask.png", tmp_path / "overlay.png"
    outcome = medkd("segment", picture, "--everything", "-o", out, "--overlay", overlay, "--json")
    assert outcome.code == 0 and double.closed and overlay.exists()
    mask = read_png(out)
    assert [int((mask == value).sum()) for value in (1, 2, 3)] == [113, 113, 113] and mask.max() == 3
    assert [each["value"] for each in outcome.json["found"]] == [1, 2, 3]
    assert {each["pixels"] for each in outcome.json["found"]} == {113}
    for options in (
        ("--everything", "--auto"),
        ("--everything", "--box", BOX),
        ("--everything", "--modality", "CT"),
    ):
        assert medkd("segment", picture, *options, "-o", tmp_path / "m.png").code == 2
