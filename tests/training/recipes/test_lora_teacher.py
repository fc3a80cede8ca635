"""A model adapted by LoRA for real, tiny: what learns, what comes out, and that the base stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.inference import load_segmenter
from napari_medkd.io import read_volume
from napari_medkd.models.checkpoint import read_state
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import EventReader, RunSpec
from src_training import checkpoint
from src_training.__main__ import main
from tests.training.made import make_set
from tests.training.made_teacher import CARD, install

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {"steps": 3, "rank": 2, "batch_size": 2, "validate_every": 3, "checkpoint_every": 1}


def make_run(folder: Path, data: Path, base: str, **options: Any) -> Path:
    spec = RunSpec(
        recipe="lora-teacher",
        options={**OPTIONS, **options},
        data=(str(data),),
        base=base,
        device="cpu",
        seed=3,
    )
    spec.save(folder)
    return folder


def failure(folder: Path) -> object:
    return EventReader(folder).read()[-1]


@pytest.mark.slow
def test_the_adapted_model_has_the_bases_shape_and_answers_boxes(tmp_path):
    install(tmp_path)
    data = make_set(tmp_path / "discs")
    run = make_run(tmp_path / "run", data, CARD.id, learning_rate=0.05)  # more than half precision rounds off
    assert main([str(run)]) == 0, failure(run)
    card = ModelStore().add(run / "model")
    assert card.id == "adapted" and card.parent == CARD.id and card.licence == "Apache-2.0"
    assert "iou" in str(card.metrics) and card.capabilities == {"box"}
    only_what_may_learn_moved(ModelStore().build("adapted").state_dict(), rounded=2e-3)
    segmenter = load_segmenter("adapted", device="cpu", runtime="onnx")
    volume = read_volume(data / "images" / "00.png")
    prompt = Prompt(Plane(0, 0), box=Box(20, 20, 60, 60))
    answer = segmenter.predict(segmenter.embed(volume, Plane(0, 0)), prompt)
    assert answer.masks[0].shape == (80, 80) and np.isfinite(answer.scores).all()


def only_what_may_learn_moved(adapted: dict[str, torch.Tensor], rounded: float = 0.0) -> None:
    base = ModelStore().build(CARD.id).state_dict()
    assert base.keys() == adapted.keys()
    changed = {name for name, value in base.items() if not torch.allclose(value, adapted[name], atol=rounded)}
    assert changed and all("qkv.weight" in name or name.startswith("mask_decoder") for name in changed)


@pytest.mark.usefixtures("without_export")
def test_a_plain_transformer_is_adapted_as_well(tmp_path):
    install(tmp_path, "sam_vit")
    run = make_run(tmp_path / "run", make_set(tmp_path / "discs"), CARD.id)
    assert main([str(run)]) == 0, failure(run)
    only_what_may_learn_moved(read_state(run / "model" / "model.safetensors"))


@pytest.mark.usefixtures("without_export")
@pytest.mark.parametrize(("decoder_rate", "decoder"), [(0.2, True), (0.0, False)])
def test_queries_and_values_learn_and_the_decoder_where_it_may(tmp_path, decoder_rate, decoder):
    install(tmp_path)
    run = make_run(
        tmp_path / "run", make_set(tmp_path / "discs"), CARD.id, decoder_rate=decoder_rate, learning_rate=0.01
    )
    assert main([str(run)]) == 0, failure(run)
    kept = checkpoint.load(run)
    assert kept is not None
    base = ModelStore().build(CARD.id).state_dict()
    after = {name.removeprefix("student."): value for name, value in kept["task"].items()}
    same = {name for name, value in base.items() if name in after and torch.equal(value, after[name])}
    moved = {name for name in base if name in after} - same
    assert any(name.startswith("mask_decoder") for name in moved) == decoder
    assert all(name.startswith("mask_decoder") for name in moved)  # batch norms keep their statistics, too
    low_rank = {name: value for name, value in after.items() if ".lora_B." in name}
    assert low_rank and all(value.abs().sum() > 0 for value in low_rank.values())
    assert not any("k_proj.lora" in name for name in after)


def test_a_model_without_attention_is_a_sentence(tmp_path):
    from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
    from napari_medkd.models.checkpoint import write_state
    from napari_medkd.models.promptable import build_model

    options = {"backbone": "test_efficientnet", "finer": False}
    card = ModelCard(
        id="convolutions",
        title="Convolutions",
        architecture=Architecture(encoder="pyramid", encoder_options=options, grid=4),
        preprocessing=Preprocessing(size=64),
        capabilities=frozenset({"box"}),
    )
    path = tmp_path / "weights.safetensors"
    write_state(build_model(card.architecture, card.preprocessing).state_dict(), path)
    ModelStore().install(card, {path.name: path})
    run = make_run(tmp_path / "run", make_set(tmp_path / "discs"), "convolutions")
    assert main([str(run)]) == 2
    assert "attention" in failure(run).message  # type: ignore[attr-defined]
