"""A student written as it is shipped: weights in 16 bits, both graphs, a card."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import ModelUnavailable
from napari_medkd.inference import load_segmenter
from napari_medkd.models import export
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.export import write_package
from napari_medkd.models.half import halved
from napari_medkd.models.package import CARD, DECODER, ENCODER, WEIGHTS, check_package
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from napari_medkd.settings import Settings

pytestmark = pytest.mark.slow

STUDENT = ModelCard(
    id="student",
    title="Student",
    architecture=Architecture(
        encoder="pyramid",
        encoder_options={"backbone": "test_efficientnet", "dim": 64, "width": 16, "blocks": 1},
        embedding_dim=64,
        grid=4,
        decoder="multi_scale",
        decoder_options={"mlp_dim": 64},
        logits_per_cell=8,
        zoom=True,
    ),
    preprocessing=Preprocessing(size=64),
    capabilities=frozenset({"point", "box", "mask"}),
)
PLANE = Plane(0, 0)


def student():
    torch.manual_seed(0)
    return build_model(STUDENT.architecture, STUDENT.preprocessing)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped")
    write_package(student(), STUDENT, folder / "student")
    return folder


@pytest.fixture
def store(shipped, tmp_path):
    return ModelStore(tmp_path / "models", shipped=shipped)


def iou(mask, other):
    either = (mask | other).sum()
    return (mask & other).sum() / either if either else 1.0


def test_a_package_names_its_files_and_is_whole(shipped):
    card = check_package(shipped / "student")
    assert set(card.files) == {WEIGHTS, ENCODER, DECODER}
    assert card.model_copy(update={"files": {}}) == STUDENT


def test_the_weights_take_half_the_room(shipped):
    elements = sum(tensor.numel() for tensor in student().state_dict().values())
    for size in (
        (shipped / "student" / WEIGHTS).stat().st_size,
        sum((shipped / "student" / name).stat().st_size for name in (ENCODER, DECODER)),
    ):
        assert size < 2.6 * elements + 150_000  # statistics and graphs beside


def test_a_known_encoder_is_taken_as_it_is_but_never_another(shipped, tmp_path):
    model, known = student(), shipped / "student" / ENCODER
    with torch.no_grad():
        for parameter in model.mask_decoder.parameters():
            parameter.add_(0.01)
    write_package(model, STUDENT, tmp_path / "taught", known)
    assert (tmp_path / "taught" / ENCODER).read_bytes() == known.read_bytes()
    assert (tmp_path / "taught" / DECODER).read_bytes() != (shipped / "student" / DECODER).read_bytes()
    with torch.no_grad():
        for parameter in model.image_encoder.parameters():
            parameter.add_(0.05)
    with pytest.raises(ModelUnavailable, match="embedding"):
        write_package(model, STUDENT, tmp_path / "other", known)
    assert not (tmp_path / "other").exists()


def test_the_graphs_tell_nothing_of_where_they_were_made(shipped):
    for name in (ENCODER, DECODER):
        content = (shipped / "student" / name).read_bytes()
        assert b".py" not in content and b"File " not in content


def test_with_torch_and_without_it_the_masks_are_the_same(store):
    rng = np.random.default_rng(0)
    volume = Volume.from_array(rng.integers(0, 255, (1, 200, 150), dtype=np.uint8))
    prompts = [Prompt(PLANE, box=Box(20, 30, 60, 70)), Prompt(PLANE, points=(Point(100, 100),))]
    found = {}
    for runtime in ("onnx", "torch"):
        segmenter = load_segmenter(
            "student", store=store, settings=Settings(threads=1), device="cpu", runtime=runtime
        )
        embedding = segmenter.embed(volume, PLANE)
        assert [feature.shape[-1] for feature in embedding.features] == [4, 8, 16, 32]
        found[runtime] = [segmenter.predict(embedding, prompt) for prompt in prompts]
    for ours, theirs in zip(*found.values(), strict=True):
        assert ours.frame == theirs.frame and ours.logits.shape[1:] == (32, 32)
        np.testing.assert_allclose(ours.logits, theirs.logits, atol=2e-2 * np.abs(theirs.logits).max())
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-2)
        for mask, other in zip(ours.masks, theirs.masks, strict=True):
            assert iou(mask, other) >= 0.995


def test_a_package_runs_where_there_is_no_torch(shipped, tmp_path):
    script = f"""
        import sys
        sys.modules.update(dict.fromkeys(("torch", "onnx", "timm", "safetensors", "segment_anything")))
        from pathlib import Path
        import numpy as np
        from napari_medkd.core.geometry import Plane
        from napari_medkd.core.prompts import Point, Prompt
        from napari_medkd.core.volume import Volume
        from napari_medkd.inference import load_segmenter
        from napari_medkd.models.store import ModelStore
        store = ModelStore(Path({str(tmp_path)!r}), shipped=Path({str(shipped)!r}))
        segmenter = load_segmenter("student", store=store, device="cpu", runtime="onnx")
        embedding = segmenter.embed(Volume.from_array(np.zeros((90, 70), np.uint8)), Plane(0, 0))
        found = segmenter.predict(embedding, Prompt(Plane(0, 0), points=(Point(4, 4),)))
        assert found.masks[0].shape == (90, 70) and len(found.masks) == 3
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_package_that_answers_otherwise_is_not_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise ModelUnavailable("It differs.")

    monkeypatch.setattr(export, "compare", refuse)
    monkeypatch.setattr(export, "write_onnx", lambda *_: None)
    monkeypatch.setattr(export, "halve_onnx", lambda path: None)
    with pytest.raises(ModelUnavailable, match="differs"):
        write_package(student(), STUDENT, tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_small_tensors_and_those_out_of_range_stay_as_they_are():
    state = {
        "statistics": torch.full((64,), 1e-9),
        "weights": torch.ones(64, 64),
        "large": torch.full((64, 64), 1e6),
        "count": torch.ones(2000, dtype=torch.int64),
    }
    kinds = {name: tensor.dtype for name, tensor in halved(state).items()}
    assert kinds == {
        "statistics": torch.float32,
        "weights": torch.float16,
        "large": torch.float32,
        "count": torch.int64,
    }


def test_a_shipped_package_can_be_added_by_another_user(shipped, tmp_path):
    store = ModelStore(tmp_path / "theirs", shipped=tmp_path / "none")
    folder = tmp_path / "copy"
    shutil.copytree(shipped / "student", folder)
    assert store.add(folder).id == "student" and (store.folder / "student" / CARD).is_file()
