"""A kind of image learnt from corrections, tiny: from the store to the model that looks in the Auto tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_medkd import learning, samples
from napari_medkd.core.geometry import Plane
from napari_medkd.corrections import places
from napari_medkd.inference import load_segmenter
from napari_medkd.models.checkpoint import write_state
from napari_medkd.models.half import halved
from napari_medkd.models.provenance import provenance_of
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import Comparison, EventReader, RunSpec
from napari_medkd.settings import Settings
from src_training.__main__ import main
from src_training.comparing_kinds import known_folders, new_kind
from src_training.replay import Replay
from tests.corrections.made import make
from tests.models.decoders.test_modality import make_card, make_model

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.models.card import ModelCard

OPTIONS: dict[str, Any] = {"steps": 3, "batch_size": 2, "view": 64, "validate_every": 3}
TERMS = "Research use only."


@pytest.fixture
def base(tmp_path: Path, medkd_home: Path) -> ModelCard:
    """A tiny model of two kinds, installed, and corrections of seven cases of another."""
    card = make_card(finer=True).model_copy(update={"licence": TERMS, "commercial_use": False})
    names = ("retinal vessels", "breast lesion")
    targets = tuple(
        target.model_copy(update={"name": name}) for target, name in zip(card.targets, names, strict=True)
    )
    card = card.model_copy(update={"targets": targets})
    write_state(halved(make_model(card).state_dict()), tmp_path / "w.safetensors")
    ModelStore().install(card, {"model.safetensors": tmp_path / "w.safetensors"})
    with places.open_store() as store:
        for seed in range(7):
            store.add(make(f"case {seed}", seed, label="cell"))
    return card


def test_what_is_not_forgotten_is_measured_on_images_that_the_model_knows(base: ModelCard) -> None:
    folders = known_folders(Replay(()), base)
    assert {one.name for one in folders} == {"fundus"}, "the carotid artery is nothing that it looks for"
    assert sum(len(one) for one in folders) == 11
    assert new_kind(base, make_card(("fundus", "ultrasound", "ct"))) == "ct" and new_kind(base, base) == ""


def test_a_known_kind_is_not_taught_again_whoever_wrote_the_run(base: ModelCard, tmp_path: Path) -> None:
    run = learning.prepare(learning.Order("kind", base.id, kind="ct", options=OPTIONS), tmp_path / "run")
    spec = RunSpec.load(run)
    (run / "run.json").unlink()
    options = {**spec.options, "modalities": {"corrections": "fundus"}}
    spec.model_copy(update={"options": options}).save(run)
    assert main([str(run)]) != 0
    assert "has no kind of image to learn" in EventReader(run).read()[-1].message


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_from_corrections_to_a_model_that_looks_for_them(
    base: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src_training.comparing._KNOWN_CASES", 3)
    before = _answers(base.id, "fundus")
    order = learning.Order("kind", base.id, kind="Thin slices", options=OPTIONS, device="cpu")
    run = learning.prepare(order, tmp_path / "run")
    assert main([str(run)]) == 0, EventReader(run).read()[-1]
    found = Comparison.load(run)
    assert found is not None and (found.prompts, found.kind) == ("auto", "thin slices")
    own, known = found.sets
    assert set(own.figures) == set(known.figures) == {"dice@1", "nsd", "taken"}
    assert own.figures["taken"].before.mean == 0 and known.objects == 3, "one of each part"
    assert all((run / one.picture).is_file() for one in found.worst)
    assert learning.use_new(run).role == "looks"
    name = Settings.load().looking_model
    card = ModelStore().get(name)
    assert (name, card.parent, card.architecture.kinds[-1]) == ("kinds-r1", base.id, "thin slices")
    assert (card.licence, card.commercial_use) == (TERMS, False), "the terms of the weights bind it"
    assert "7 corrections of the user" in card.training_data[-1] and "cell (thin slices)" in card.description
    chain = provenance_of(name)
    assert len(chain.corrections) == 7 and chain.parent == base.id and not chain.replay
    assert {one.name for one in _answers(name, "thin slices")} == {"cell"}
    np.testing.assert_allclose(_answers(name, "fundus")[0].logits, before[0].logits, atol=0.01)
    assert learning.roll_back().after == "medkd-auto"


def _answers(model_id: str, kind: str) -> list[Any]:
    from napari_medkd.io import read_volume

    segmenter = load_segmenter(model_id, device="cpu")
    try:
        volume = read_volume(samples.sample_path("fundus"))
        found = segmenter.propose(segmenter.embed(volume, Plane(0, 0)), kind)
    finally:
        segmenter.close()
    return [_Answer(one.names[0], one.logits) for one in found]


class _Answer:
    def __init__(self, name: str, logits: Any) -> None:
        self.name, self.logits = name, logits
